"""/about: the contest's rules and the privacy text, which the league may replace."""

from collections.abc import Iterator

from bottle import HTTPResponse
from markupsafe import Markup

from app.web.languages import LANGUAGES, read_language
from app.web.pages import Page, PageDependencies

TEXTS = ("rules", "privacy")


class AboutPages:
    """The rules and the privacy text."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._renderer = dependencies.renderer
        # Markdown is rendered without HTML of its own, so the result is safe.
        self._texts = {
            language: {name: Markup(dependencies.brand.text(name, language)) for name in TEXTS}  # noqa: S704
            for language in LANGUAGES
        }

    def pages(self) -> Iterator[Page]:
        """Yield the page."""
        yield Page("GET", "/about", self.show)

    def show(self) -> HTTPResponse:
        """Show both texts."""
        return self._renderer.public_page("about.html", **self._texts[read_language()])
