"""Cities and characters."""

import pytest

from app.showcase.texts import KEY_CHARS, city_key, has_control_characters


@pytest.mark.parametrize("written", ["Bogotá", "bogota", "BOGOTÁ", "  Bogotá ", "Bogo" + "ta\u0301"])
def test_spellings_of_one_city_have_one_key(written: str) -> None:
    assert city_key(written) == "bogota"


@pytest.mark.parametrize(("one", "other"), [("Cali", "Cartagena"), ("San Juan", "Sanjuan"), ("Nariño", "Narino 2")])
def test_different_cities_have_different_keys(one: str, other: str) -> None:
    assert city_key(one) != city_key(other)


def test_a_key_fits_its_column_even_when_folding_makes_it_longer() -> None:
    assert len(city_key("ß" * 100)) == KEY_CHARS


@pytest.mark.parametrize("text", ["a\x00b", "line\nbreak", "\x1b[31m", "half \ud83d"])
def test_controls_are_found(text: str) -> None:
    assert has_control_characters(text)


@pytest.mark.parametrize("text", ["Triple de Ñandú", "مباراة", "👨‍👩‍👧 en la cancha", "a\u00a0b", "<b>"])
def test_ordinary_writing_is_not_refused(text: str) -> None:
    assert not has_control_characters(text)
