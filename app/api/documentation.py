"""The API's description of itself: /openapi.json."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from bottle import HTTPResponse

from app.api.openapi import build_document
from app.api.replies import DOCUMENT
from app.api.responses import public_answer
from app.api.routing import Route


class DocumentationResource:
    """The API's description of itself."""

    def __init__(self, list_routes: Callable[[], Iterable[Route]]) -> None:
        # Built at the first request, because most processes never serve it.
        self._document = cache(lambda: json.dumps(build_document(list_routes()), ensure_ascii=False).encode())

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("GET", "/openapi.json", self.openapi, DOCUMENT)

    def openapi(self) -> HTTPResponse:
        """Return this OpenAPI document."""
        return public_answer(self._document())


def print_document(routes: Iterable[Route]) -> str:
    """Return the document as indented JSON, for people and version control."""
    return json.dumps(build_document(routes), ensure_ascii=False, indent=2)
