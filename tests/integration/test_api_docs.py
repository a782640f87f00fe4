"""/docs: the vendored viewer is what npm published, and the page loads nothing from elsewhere."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.api.documentation import SWAGGER_UI, VIEWER
from testing.sites import Site

pytestmark = pytest.mark.either_backend

VENDORED = VIEWER / SWAGGER_UI
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOR_A_YEAR = "public, max-age=31536000, immutable"


class References(HTMLParser):
    """The URLs that a page refers to, and whether it contains a script or a style of its own."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.has_inline = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.urls += [value for name in ("src", "href") if (value := given.get(name))]
        on_event = any(name == "style" or name.startswith("on") for name in given)
        self.has_inline |= on_event or tag == "style" or (tag == "script" and "src" not in given)


def test_the_viewer_is_what_its_checksums_say() -> None:
    lines = (VENDORED / "SHA256SUMS").read_text().splitlines()
    listed = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}
    found = {path.name: path for path in VENDORED.iterdir() if path.name != "SHA256SUMS"}
    assert set(listed) == set(found) > {"LICENSE", "NOTICE"}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == listed


def test_the_page_has_a_content_security_policy_of_its_own(site: Site) -> None:
    answer = site.api.get("/docs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers.get_list("Content-Security-Policy") == [CSP]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "unsafe" not in CSP


def test_everything_that_the_page_loads_comes_from_the_site(site: Site) -> None:
    references = References(site.api.get("/docs").text)
    assert not references.has_inline
    loaded = [url for url in references.urls if url != "data:,"]
    assert len(loaded) == 5
    for url in loaded:
        assert url.startswith("/")
        assert site.api.get(url).status_code == 200
    style = (VENDORED / "swagger-ui.css").read_text()
    assert "@import" not in style
    assert set(re.findall(r"url\(['\"]?(\w+):", style)) == {"data"}


@pytest.mark.parametrize(
    ("path", "file", "media_type", "cached"),
    [
        ("/docs/page.css", VIEWER / "page.css", "text/css", "public, max-age=1"),
        ("/docs/start.js", VIEWER / "start.js", "text/javascript", "public, max-age=1"),
        (f"/docs/{SWAGGER_UI}/swagger-ui-bundle.js", VENDORED / "swagger-ui-bundle.js", "text/javascript", FOR_A_YEAR),
        (f"/docs/{SWAGGER_UI}/swagger-ui.css", VENDORED / "swagger-ui.css", "text/css", FOR_A_YEAR),
    ],
)
def test_a_file_of_the_viewer_is_cached(site: Site, path: str, file: Path, media_type: str, cached: str) -> None:
    answer = site.api.get(path)
    assert answer.content == file.read_bytes()
    assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert answer.headers.get_list("Cache-Control") == [cached]
    unchanged = site.api.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status_code, unchanged.headers["Cache-Control"]) == (304, cached)


@pytest.mark.parametrize("path", ["/docs/other.js", f"/docs/{SWAGGER_UI}/LICENSE", "/docs/..%2f..%2f__init__.py"])
def test_nothing_else_is_served(site: Site, path: str) -> None:
    assert site.api.get(path).status_code == 404
