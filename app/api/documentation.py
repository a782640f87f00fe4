"""The API's description of itself: /openapi.json, and a page that shows it (/docs)."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from bottle import HTTPResponse

from app.api.openapi import build_document
from app.api.replies import DOCUMENT, PAGE
from app.api.responses import public_answer
from app.api.routing import Route

VIEWER = Path(__file__).with_name("viewer")

SWAGGER_UI = "swagger-ui-5.35.0"
"""The folder of the vendored viewer (viewer/README.md), and the path of its files below /docs."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: it loads and requests nothing from elsewhere. The style contains its icons as
data: URLs."""

NEVER_CHANGES = "public, max-age=31536000, immutable"
"""For the viewer's files, whose paths contain their version."""

HTML, JAVASCRIPT, STYLE = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"


class DocumentationResource:
    """The API's description of itself."""

    def __init__(self, list_routes: Callable[[], Iterable[Route]]) -> None:
        # Built at the first request, because most processes never serve it.
        self._document = cache(lambda: json.dumps(build_document(list_routes()), ensure_ascii=False).encode())

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("GET", "/openapi.json", self.openapi, DOCUMENT)
        yield Route("GET", "/docs", self.docs, PAGE)
        yield Route("GET", "/docs/page.css", self.page_style, is_internal=True)
        yield Route("GET", "/docs/start.js", self.start, is_internal=True)
        yield Route("GET", f"/docs/{SWAGGER_UI}/swagger-ui-bundle.js", self.viewer, is_internal=True)
        yield Route("GET", f"/docs/{SWAGGER_UI}/swagger-ui.css", self.style, is_internal=True)

    def openapi(self) -> HTTPResponse:
        """Return this OpenAPI document."""
        return public_answer(self._document())

    def docs(self) -> HTTPResponse:
        """Return a page that shows the OpenAPI document and sends requests."""
        return _file("page.html", HTML, {"Content-Security-Policy": CSP})

    def page_style(self) -> HTTPResponse:
        """Return the page's corrections of the viewer's style."""
        return _file("page.css", STYLE)

    def start(self) -> HTTPResponse:
        """Return the script that starts the viewer."""
        return _file("start.js", JAVASCRIPT)

    def viewer(self) -> HTTPResponse:
        """Return the viewer's script."""
        return _file(f"{SWAGGER_UI}/swagger-ui-bundle.js", JAVASCRIPT, {"Cache-Control": NEVER_CHANGES})

    def style(self) -> HTTPResponse:
        """Return the viewer's style."""
        return _file(f"{SWAGGER_UI}/swagger-ui.css", STYLE, {"Cache-Control": NEVER_CHANGES})


def _file(name: str, media_type: str, headers: dict[str, str] | None = None) -> HTTPResponse:
    return public_answer((VIEWER / name).read_bytes(), media_type=media_type, headers=headers)


def format_document(routes: Iterable[Route]) -> str:
    """Return the document as indented JSON, for people and version control."""
    return json.dumps(build_document(routes), ensure_ascii=False, indent=2)
