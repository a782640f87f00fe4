"""City keys, and the characters in players' texts that the platform removes or refuses."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.showcase.texts import KEY_CHARS, city_key, clean, has_bidi_controls, has_control_characters


@pytest.mark.parametrize(
    ("key", "spellings"),
    [
        ("bogota", ["Bogotá", "bogota", "BOGOTÁ", "  Bogotá ", "Bogo" + "ta\u0301", "\ufeffBogo\u200bta\u200e"]),
        ("lodz", ["Łódź", "ŁÓDŹ", "Lodz", "łódz", "L\u0301o\u0301dz"]),
        ("tromso", ["Tromsø", "TROMSØ", "Tromso"]),
        ("da nang", ["Đà Nẵng", "Da Nang", "ĐÀ NẴNG", "Đà\u00a0Nẵng", "Da\u3000Nang"]),
        ("istanbul", ["İstanbul", "Istanbul", "ISTANBUL", "ıstanbul", "istanbul"]),
        (
            "l'hospitalet",
            [f"L{mark}Hospitalet" for mark in ("'", "\u2019", "\u2018", "\u02bc", "\u02bb", "\u00b4", "`", "\uff07")],
        ),
        ("strasse", ["Straße", "STRASSE", "STRAẞE"]),
        ("saint-etienne", ["Saint-Étienne", "saint\u2011etienne", "Saint\u2013Étienne", "Saint\u2010\u00adÉtienne"]),
        ("reykjavik", ["Reykjavík", "REYKJAVIK"]),
        ("aeroskobing", ["Ærøskøbing", "AEROSKOBING"]),
        ("москва", ["Москва", "МОСКВА", "москва\u200f"]),
        ("القاهرة", ["القاهرة", "القَاهِرَة", "\u200fالقاهرة"]),
        ("東京", ["東京", " 東京\u200b"]),
        ("서울", ["서울", unicodedata.normalize("NFD", "서울")]),
        ("\u2764", ["\u2764\ufe0f", "\u2764"]),
    ],
)
def test_spellings_of_one_city_have_one_key(key: str, spellings: list[str]) -> None:
    assert {spelling: city_key(spelling) for spelling in spellings} == dict.fromkeys(spellings, key)


@pytest.mark.parametrize(
    "cities",
    [
        ("Cali", "Cartagena"),
        ("San Juan", "Sanjuan"),
        ("Nariño", "Narino 2"),
        # In most of these rows, the cities would share a key if keys were transliterated or had no diacritics.
        ("苏州", "宿州"),
        ("福州", "抚州"),
        ("東京", "北京", "京都"),
        ("صور", "سور"),
        ("かま", "がま"),
        ("Москва", "Минск", "Киев"),
    ],
)
def test_different_cities_have_different_keys(cities: tuple[str, ...]) -> None:
    assert len({city_key(city) for city in cities}) == len(cities)


def test_a_key_fits_its_column_even_when_folding_makes_it_longer() -> None:
    assert len(city_key("ß" * 100)) == KEY_CHARS
    assert len(city_key("ﷺ" * 100)) == KEY_CHARS
    assert city_key("서" * 100) == "서" * 100


@given(st.text(max_size=100))
def test_a_key_is_its_own_key_and_fits_its_column(text: str) -> None:
    key = city_key(text)
    assert len(key) <= KEY_CHARS
    assert city_key(key) == key


@given(st.text(alphabet=st.characters(max_codepoint=0x7E, min_codepoint=0x20, exclude_characters="`"), max_size=100))
def test_a_city_in_ascii_keeps_the_key_that_earlier_releases_gave_it(text: str) -> None:
    assert city_key(text) == " ".join(text.casefold().split())


@pytest.mark.parametrize("text", ["a\x00b", "line\nbreak", "\x1b[31m", "half \ud83d"])
def test_controls_are_found(text: str) -> None:
    assert has_control_characters(text)


@pytest.mark.parametrize("text", ["Triple de Ñandú", "مباراة", "👨‍👩‍👧 en la cancha", "a\u00a0b", "<b>"])
def test_ordinary_text_is_not_refused(text: str) -> None:
    assert not has_control_characters(text)
    assert not has_bidi_controls(text)


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)], ids=lambda code: f"U+{code:04X}")
def test_every_text_direction_control_is_found(code: int) -> None:
    assert has_bidi_controls(f"Ana{chr(code)}Ruiz")


@pytest.mark.parametrize(
    "code",
    [0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x2061, 0x2065), *range(0x206A, 0x2070)],
    ids=lambda code: f"U+{code:04X}",
)
def test_an_invisible_character_is_removed_at_any_position(code: int) -> None:
    unseen = chr(code)
    assert clean(f"{unseen} {unseen}Ana{unseen} Ruiz {unseen}") == "Ana Ruiz"
    assert clean(f"{unseen} {unseen}") == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \u00a0\u3000",
        "\u200d",
        "\u200c\u200c",
        "\ufe0f",
        "\u034f",
        "\u3164\uffa0",
        "\u2800",
        "\u115f\u1160",
        "\u202e\u202c",
        "\u2028",
        "\U000e0041",
        "\u17b4",
        "\u200b\u00ad\u2060\ufeff\u200e\u200f",
    ],
    ids=ascii,
)
def test_a_text_of_invisible_characters_becomes_empty(text: str) -> None:
    assert clean(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "👨‍👩‍👧",
        "👩🏽‍🚀",
        "❤️‍🔥",
        "🏳️‍🌈",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می‌خواهم",
        "क्‍ष",
        "क्‌ष",
        "ශ්‍රී",
        "മോഹന്‍",
        "র‍্যাব",
        "José Ñandú",
        "李雷",
    ],
)
def test_a_joiner_that_belongs_to_a_word_or_an_emoji_is_kept(text: str) -> None:
    assert clean(text) == text
    assert clean(f" \u200b{text}\ufeff ") == text


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("A\u200dna", "Ana"),
        ("Ан\u200cна", "Анна"),
        ("\u200dAna\u200c", "Ana"),
        ("علی\u200c رضا", "علی رضا"),
        ("می\u200c\u200cخواهم", "می\u200cخواهم"),
        ("3\u200d4", "34"),
    ],
    ids=ascii,
)
def test_a_joiner_that_joins_nothing_is_removed(written: str, seen: str) -> None:
    assert clean(written) == seen


@given(st.text(max_size=60))
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)
