"""Routes, resources (groups of routes), and the dependencies that they share in one process."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol

from bottle import HTTPResponse
from pydantic import BaseModel

from app.api.readiness import Readiness
from app.api.replies import NOTHING
from app.api.responses import Reply, respond
from app.http.dependencies import Dependencies
from app.http.errors import Refusal
from app.http.limits import RateLimit
from app.http.requests import read_json, read_query


@dataclass(frozen=True, slots=True)
class ApiDependencies(Dependencies):
    """The dependencies of the API's handlers."""

    readiness: Readiness


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path (with Bottle's `<name>` wildcards) and its handler, with what the API's document says of them.

    The handler receives the values of the path's wildcards, and the validated `body` and `query` if the route declares
    them. `reply` serializes what the handler returns. The handler's docstring describes the route.
    """

    method: str
    path: str
    handler: Callable[..., object]
    reply: Reply | None = None
    _: KW_ONLY
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    form: Mapping[str, Any] | None = None
    """The JSON Schema of a multipart form, which the handler reads itself."""
    signed_in: bool = False
    admit: Callable[[], object] | None = None
    """Runs before the request is read, so that its error precedes those of the body. The handler receives its result as
    `admitted`."""
    is_idempotent: bool = False
    """Whether the route takes an Idempotency-Key."""
    limits: tuple[RateLimit, ...] = ()
    errors: tuple[Refusal, ...] = ()
    """The errors that nothing else of the declaration implies (`app.api.openapi`)."""
    other_replies: tuple[Reply, ...] = ()
    is_internal: bool = False
    """Whether the route is for the site itself and not part of the documented API."""

    def handle(self, **arguments: object) -> HTTPResponse:
        """Read the request, call the handler and return its response."""
        if self.admit is not None:
            arguments["admitted"] = self.admit()
        if self.body is not None:
            arguments["body"] = read_json(self.body)
        if self.query is not None:
            arguments["query"] = read_query(self.query)
        return respond(self.reply or NOTHING, self.handler(**arguments))


class Resource(Protocol):
    """A group of routes."""

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
