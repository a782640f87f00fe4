"""Cleans text that users type: removes invisible characters, and folds the spellings of a city into one key."""

import re
import unicodedata

from anyascii import anyascii

KEY_CHARS = 100
"""The length of the column for city keys. Folding can make a text longer ("ß" becomes "ss")."""

CONTROL, SURROGATE, FORMAT = "Cc", "Cs", "Cf"

UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb]")
"""Invisible characters that keyboards, editors and web pages insert: soft hyphen, zero-width space, direction marks,
word joiner, byte order mark. They only affect line breaks and text direction."""

BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Overrides, embeddings and isolates: they reorder the text around them, so that a name can imitate another one."""

JOINERS = re.compile("[\u200c\u200d]+")
"""Zero-width joiner and non-joiner: part of the spelling in Persian, Hindi or Malayalam, and of composed emoji."""

VIRAMA = 9
"""The combining class of the signs that suppress a vowel. A joiner after such a sign matters even at a word's end."""

SEEN_THROUGH = {"Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"}
"""Categories of characters that are invisible on their own: controls, formats, marks, spaces."""

BLANK_LETTERS = set("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols with a blank glyph: the Hangul fillers and the empty Braille cell."""

APOSTROPHES = str.maketrans(dict.fromkeys("\u0060\u00b4\u02b9\u02bb\u02bc\u02c8\u2018\u2019\u201b\u2032\uff07", "'"))

SHAPELESS_MARKS = {"\u034f", *map(chr, range(0xFE00, 0xFE10))}
"""The combining grapheme joiner and the variation selectors."""

OPTIONAL_POINTS = range(10, 37)
"""Combining classes of the vowel points that Hebrew and Arabic mostly omit. Accents have classes from 200 on. Marks of
all other classes make a different letter (voiced kana, nukta, Thai tones)."""

ACCENTS = 200


def clean(text: str) -> str:
    """Return the text without invisible characters, joiners without effect and surrounding spaces.

    Return an empty string if no visible character remains.
    """
    text = JOINERS.sub(_keep_spelling, UNSEEN.sub("", text)).strip()
    return text if any(map(_shows, text)) else ""


def _shows(char: str) -> bool:
    return unicodedata.category(char) not in SEEN_THROUGH and char not in BLANK_LETTERS


def _keep_spelling(joiners: re.Match[str]) -> str:
    """Return the first of a run of joiners if it can affect the display, otherwise an empty string."""
    text, start, end = joiners.string, joiners.start(), joiners.end()
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    ends_word = bool(before) and unicodedata.combining(before) == VIRAMA
    return joiners.group()[0] if _can_join(before) and (ends_word or _can_join(after)) else ""


def _can_join(char: str) -> bool:
    """Whether the character's shape can depend on a joiner beside it. In European scripts it never does."""
    european = unicodedata.name(char, "").startswith(("LATIN", "GREEK", "CYRILLIC")) if char else True
    return not (european or char.isascii() or char.isspace())


def has_control_characters(text: str) -> bool:
    """Whether a text contains NUL, line breaks or other control characters, or surrogates.

    Joiners, for example in emoji families and Persian spelling, are not control characters.
    """
    return any(unicodedata.category(char) in {CONTROL, SURROGATE} for char in text)


def has_bidi_controls(text: str) -> bool:
    """Whether a text contains characters that change the direction of the text around them."""
    return BIDI_CONTROLS.search(text) is not None


def city_key(city: str) -> str:
    """Fold the spellings of a city into one key: "Łódź" and "LODZ", "Bogotá" and " bogota ", any kind of apostrophe.

    Latin letters become ASCII; accents and invisible characters are removed. Other scripts keep their letters, because
    transliteration would give different Chinese or Arabic cities the same key.
    """
    # Apostrophes are translated twice: before decomposition, because a spacing accent would decompose into a space and
    # an accent; and after folding, which produces new apostrophes.
    decomposed = unicodedata.normalize("NFKD", city.translate(APOSTROPHES)).casefold()
    seen = (char for char in decomposed if not _is_optional(char))
    folded = "".join(_latin_spelling(char) or char for char in seen).casefold().translate(APOSTROPHES)
    return " ".join(unicodedata.normalize("NFC", folded).split())[:KEY_CHARS].rstrip()


def _is_optional(char: str) -> bool:
    """Whether spellings of one name may omit this character: an accent, a vowel point, or an invisible character."""
    mark = unicodedata.combining(char)
    if mark in OPTIONAL_POINTS or mark >= ACCENTS:
        return True
    return unicodedata.category(char) == FORMAT or char in SHAPELESS_MARKS


def _latin_spelling(char: str) -> str:
    """Return a Latin letter, a dash or a quotation mark in ASCII; empty for any other character."""
    is_latin = unicodedata.category(char) in {"Pd", "Pi", "Pf"} or unicodedata.name(char, "").startswith("LATIN")
    return anyascii(char) if is_latin else ""
