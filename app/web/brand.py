"""The league's brand on the pages: name, colours, logo and texts."""

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from app.config import ConfigurationError, Settings

TEXTS = Path(__file__).with_name("texts")
LOGO = Path(__file__).with_name("static") / "logo.svg"

LIGHT, DARK = "#ffffff", "#131836"
"""The lightest and the darkest background on which the accent colours are used (static/site.css)."""

READABLE = 4.5
"""The least contrast between text and its background (WCAG 2.2, success criterion 1.4.3, level AA)."""


@dataclass(frozen=True, slots=True)
class Brand:
    """What makes the pages those of one league."""

    name: str
    accent: str
    accent_dark: str
    folder: Path | None
    """The league's own files; those that are missing come from the default brand."""

    def logo(self) -> bytes:
        """Return the logo, an SVG."""
        return self._read("logo.svg", LOGO)

    def style_sheet(self) -> bytes:
        """Return the style sheet with the league's colours."""
        light = f"--accent: {self.accent}; --on-accent: {_text_on(self.accent)};"
        dark = f"--accent: {self.accent_dark}; --on-accent: {_text_on(self.accent_dark)};"
        return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n".encode()

    def text(self, name: str, language: str) -> str:
        """Return one of the league's texts (`rules`, `privacy`), as HTML. It is Markdown; HTML in it is escaped."""
        file = f"{name}.{language}.md"
        return str(MarkdownIt("commonmark", {"html": False}).render(self._read(file, TEXTS / file).decode()))

    def _read(self, name: str, default: Path) -> bytes:
        own = self.folder / name if self.folder else None
        return (own if own and own.is_file() else default).read_bytes()


def read_brand(settings: Settings) -> Brand:
    """Return the brand that the settings describe.

    Raises:
        ConfigurationError: a colour would be hard to read on the pages' background.
    """
    for name, colour, background in (
        ("LEAGUE_ACCENT", settings.league_accent, LIGHT),
        ("LEAGUE_ACCENT_DARK", settings.league_accent_dark, DARK),
    ):
        found = contrast(colour, background)
        if found < READABLE:
            change = "darker" if background == LIGHT else "lighter"
            raise ConfigurationError(
                f"{name}: {colour} has a contrast of {found:.1f} on {background}, which is hard to read. "
                f"Set a {change} colour: the contrast must be {READABLE} or more."
            )
    return Brand(settings.league_name, settings.league_accent, settings.league_accent_dark, settings.brand_dir)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0 to 1 (WCAG 2.2, "relative luminance")."""
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]  # noqa: PLR2004
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _text_on(colour: str) -> str:
    return max(("#ffffff", "#10142b"), key=lambda text: contrast(text, colour))
