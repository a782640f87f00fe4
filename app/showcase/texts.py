"""Texts as people type them: cities that are meant to be the same, characters that mean nothing."""

import unicodedata

KEY_CHARS = 100
"""As many as the column holds; folding can make a text longer than it was ("ß" becomes "ss")."""

CONTROL, SURROGATE = "Cc", "Cs"


def city_key(city: str) -> str:
    """Fold accents, case and spacing, so that "Bogotá", "BOGOTA" and " bogota " are one city."""
    decomposed = unicodedata.normalize("NFKD", city)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.casefold().split())[:KEY_CHARS]


def has_control_characters(text: str) -> bool:
    """Whether a text holds NUL, line breaks or other controls, or halves of characters.

    Joiners (as in emoji families and Persian spelling) are no controls.
    """
    return any(unicodedata.category(char) in {CONTROL, SURROGATE} for char in text)
