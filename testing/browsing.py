"""A visitor's browser as far as HTTP is concerned: cookies, forms with their origin, redirects."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

import httpx

from testing.people import sign_up_form
from testing.sites import Site

PASSWORD = "tiro-de-tres"
FIELD = re.compile(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">')


class Visitor:
    """A browser without scripts."""

    def __init__(self, http: httpx.Client, origin: str) -> None:
        self.http = http
        self.origin = origin

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, values: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """Send a form as a page of this site does."""
        sent = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.http.post(path, data=values or {}, headers=sent)

    def sign_up(self, **changed: str) -> httpx.Response:
        """Fill in and send the form, with the fields that the page hides in it."""
        page = self.get("/signup")
        hidden = {name: unescape(value) for name, value in FIELD.findall(page.text)}
        typed = {name: str(value) for name, value in sign_up_form().items() if value is not None}
        return self.post("/signup", hidden | typed | changed)


@contextmanager
def visiting(site: Site, *, language: str = "en", **headers: str) -> Iterator[Visitor]:
    """Open a browser that prefers a language; close it at the end of the `with` block."""
    with httpx.Client(
        base_url=site.url, timeout=30, trust_env=False, headers={"Accept-Language": language, **headers}
    ) as http:
        yield Visitor(http, site.url)
