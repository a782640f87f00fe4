"""A league's colours: readable, or rejected with a sentence."""

import pytest

from app.config import ConfigurationError, Settings
from app.web.brand import contrast, read_brand

REQUIRED = {
    "database_url": "sqlite:////tmp/a.db",
    "queue_url": "sqlite:////tmp/q.db",
    "s3_bucket": "stars",
    "doorbell_secret": "x" * 32,
}


def settings(**changed: str) -> Settings:
    return Settings.model_validate(REQUIRED | changed)


def test_contrast_is_that_of_the_accessibility_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#ffffff") == pytest.approx(1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_default_colours_are_readable_in_both_themes() -> None:
    style = read_brand(settings()).style_sheet().decode()
    assert "--accent: #c2410c; --on-accent: #ffffff;" in style
    assert "--accent: #ff9d4d; --on-accent: #10142b;" in style


@pytest.mark.parametrize(
    ("name", "colour", "change"), [("league_accent", "#ffee00", "darker"), ("league_accent_dark", "#1a1a40", "lighter")]
)
def test_a_colour_that_is_hard_to_read_is_rejected(name: str, colour: str, change: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"{name.upper()}: {colour} has a contrast of .* Set a {change} colour"
    ):
        read_brand(settings(**{name: colour}))


@pytest.mark.parametrize("colour", ["red", "#FFF", "#12345", "#12345g", "#123456;}"])
def test_a_colour_is_six_hexadecimal_digits(colour: str) -> None:
    with pytest.raises(ValueError, match="league_accent"):
        settings(league_accent=colour)


@pytest.mark.parametrize("url", ["show.example.org", "https://show.example.org/", "https://Show.example.org"])
def test_the_sites_address_is_an_origin(url: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        settings(site_url=url)
