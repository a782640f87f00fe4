"""/language: the visitor's choice of a language."""

import re
from collections.abc import Iterator

from bottle import HTTPResponse, request

from app.http.cookies import YEAR_SECONDS, cookie
from app.web.failures import redirect
from app.web.languages import COOKIE, LANGUAGES
from app.web.pages import Page, PageDependencies

LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1000}")
"""A path with query and fragment on this site. `//host` and `/\\host` would lead a browser to another site."""


def local_path(text: str | None) -> str:
    """Return the text if it is an address on this site, otherwise the address of the gallery."""
    return text if text and LOCAL_PATH.fullmatch(text) else "/"


class SettingPages:
    """What a visitor may choose without an account."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._renderer = dependencies.renderer

    def pages(self) -> Iterator[Page]:
        """Yield the page."""
        yield Page("GET", "/language/<name>", self.choose_language)

    def choose_language(self, name: str) -> HTTPResponse:
        """Remember the language for a year, and return to the page."""
        after = local_path(request.query.get("next"))
        if name not in LANGUAGES:
            return redirect(after)
        return redirect(after, cookie(COOKIE, name, seconds=YEAR_SECONDS))
