"""The OpenAPI document, built from the declarations that route requests, validate them and serialize responses."""

import inspect
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from importlib.metadata import version

from app.api.openapi_schemas import (
    REF_TEMPLATE,
    Json,
    either,
    query_parameter,
    replies,
    serialized_schemas,
    validated_schema,
)
from app.api.replies import ERROR
from app.api.responses import PUBLIC_SECONDS, Reply
from app.api.routing import Route
from app.http.errors import (
    InternalError,
    InvalidVideoId,
    JsonTooLarge,
    QueryInvalid,
    Refusal,
    ShapeInvalid,
    TooManyRequests,
    Unavailable,
    show_example,
)
from app.http.requests import IDEMPOTENCY_KEY
from app.showcase.errors import IdempotencyKeyReused, NotSignedIn

WILDCARD = re.compile(r"<(\w+)>")

DESCRIPTION = """\
Players upload clips, a worker brands them, the public votes, and a ranking per city decides who plays.

Every error is JSON: `{"detail": …}`, with a text, or with a list of `{loc, msg, type}` if a field or an id is
malformed. Every path works with and without a trailing slash. Every GET route also takes HEAD, which returns the same
status and headers without a body. OPTIONS returns 405 with `Allow`, or, if the site allows other origins, 204 with the
headers of a CORS preflight. Unknown query parameters are ignored; unknown fields of a JSON body are rejected.
"""

HEADERS = {
    "ETag": "Identifies this response. Send it in `If-None-Match` to get 304 while nothing has changed.",
    "Cache-Control": f"Every cache may keep the response for {PUBLIC_SECONDS} s.",
    "Link": 'The next page, with `rel="next"`. The last page has no such header.',
    "Location": "The URL of the file, which is valid for a limited time.",
    "RateLimit": (
        "What is left of each limit: its name, the remaining requests (`r`), and in how many seconds more are "
        'available (`t`), for example `"vote-account";r=59;t=60`.'
    ),
    "RateLimit-Policy": (
        "Each limit: its name, the number of requests (`q`) and the window in seconds (`w`), for example "
        '`"vote-account";q=60;w=60`.'
    ),
    "Retry-After": "How many seconds to wait before the next attempt.",
    "WWW-Authenticate": "The scheme of the token: Bearer.",
}
QUOTA_HEADERS = ("RateLimit-Policy", "RateLimit")


class UndocumentedRoute(Exception):
    """A route lacks something that the document needs. The text names the route and what is missing."""


def check_documented(routes: Iterable[Route]) -> None:
    """Check that every route which is not internal declares its reply and has a docstring.

    Raises:
        UndocumentedRoute: a route does not.
    """
    for route in _documented(routes):
        name = f"{route.method} {route.path}"
        if route.reply is None:
            raise UndocumentedRoute(f"{name} declares no reply")
        if not inspect.getdoc(route.handler):
            raise UndocumentedRoute(f"{name}: its handler has no docstring")


def build_document(routes: Iterable[Route]) -> Json:
    """Return the document of all routes that are not internal.

    Raises:
        UndocumentedRoute: a route lacks something that the document needs.
    """
    shown = list(_documented(routes))
    check_documented(shown)
    return _Builder(shown).document()


def _documented(routes: Iterable[Route]) -> Iterator[Route]:
    return (route for route in routes if not route.is_internal)


class _Builder:
    def __init__(self, routes: list[Route]) -> None:
        self._routes = routes
        self._examples: dict[str, Json] = {}
        self._schemas, self._definitions = serialized_schemas(routes)
        for body in {route.body for route in routes if route.body is not None}:
            self._define(body.__name__, validated_schema(body))

    def document(self) -> Json:
        paths: dict[str, Json] = {}
        for route in self._routes:
            operations = paths.setdefault(WILDCARD.sub(r"{\1}", route.path), {})
            operations[route.method.lower()] = self._operation(route)
        return {
            "openapi": "3.1.1",
            "info": {
                "title": "Rising Stars",
                "version": version("rising-stars"),
                "description": DESCRIPTION,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "tags": _tags(self._routes),
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self._definitions.items())),
                "examples": dict(sorted(self._examples.items())),
                "headers": {name: _header(text) for name, text in HEADERS.items()},
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            },
        }

    def _define(self, name: str, schema: Json) -> None:
        self._definitions |= schema.pop("$defs", {})
        self._definitions[name] = schema

    def _operation(self, route: Route) -> Json:
        summary, _, description = (inspect.getdoc(route.handler) or "").partition("\n\n")
        tag = _tag(route)
        operation: Json = {
            "operationId": f"{tag}_{route.handler.__name__}",
            "tags": [tag],
            "summary": summary.rstrip("."),
            "description": "\n\n".join(filter(None, [description, *_limits(route)])),
            "parameters": [*self._parameters(route)],
            "requestBody": _request_body(route),
            "responses": self._responses(route),
            "security": [{"token": []}] if route.signed_in else [],
        }
        return {name: value for name, value in operation.items() if value or name == "security"}

    def _parameters(self, route: Route) -> Iterator[Json]:
        for name in WILDCARD.findall(route.path):
            yield {"name": name, "in": "path", "required": True, "schema": _id_schema(route)}
        if route.query is not None:
            schema = validated_schema(route.query)
            self._definitions |= schema.pop("$defs", {})
            for name, described in schema["properties"].items():
                yield query_parameter(name, described)
        if route.reply is not None and route.reply.is_public:
            text = "The `ETag` of an earlier response. If it is still current, the response is 304 without a body."
            yield {"name": "If-None-Match", "in": "header", "description": text, "schema": {"type": "string"}}
        if route.is_idempotent:
            text = "A key of the client's choice. A repeated request with the same key and body gets the first result."
            schema = {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"}
            yield {"name": "Idempotency-Key", "in": "header", "description": text, "schema": schema}

    def _responses(self, route: Route) -> Json:
        responses = {str(reply.status): self._reply(reply) for reply in replies(route)}
        for kind in _errors(route):
            self._add_error(responses, kind)
        if any(limit.is_announced for limit in route.limits) and route.reply is not None:
            for status in (str(route.reply.status), "429"):
                responses[status].setdefault("headers", {}).update(_header_references(QUOTA_HEADERS))
        return dict(sorted(responses.items()))

    def _reply(self, reply: Reply) -> Json:
        response: Json = {"description": HTTPStatus(reply.status).phrase}
        names = (*reply.headers, *(("ETag", "Cache-Control") if reply.is_public else ()))
        if names:
            response["headers"] = _header_references(names)
        if reply.adapter is not None:
            example = reply.adapter.dump_python(reply.example, mode="json")
            response["content"] = {"application/json": {"schema": self._schemas[id(reply)], "example": example}}
        elif reply.media_type is not None:
            response["content"] = {reply.media_type: {"schema": {"type": "string"}}}
        return response

    def _add_error(self, responses: Json, kind: Refusal) -> None:
        """Add an error's text to the examples of its status."""
        shown = show_example(kind)
        response = responses.setdefault(str(shown.status), {"description": HTTPStatus(shown.status).phrase})
        if shown.headers:
            response.setdefault("headers", {}).update(_header_references(shown.headers))
        content = response.setdefault("content", {}).setdefault("application/json", {"schema": {}})
        content["schema"] = either(content["schema"], self._schemas[id(ERROR)])
        if "example" in content:  # `example` and `examples` exclude each other
            content["examples"] = {"reply": {"value": content.pop("example")}}
        content.setdefault("examples", {})[kind.__name__] = {"$ref": f"#/components/examples/{kind.__name__}"}
        self._examples[kind.__name__] = {"summary": _first_sentence(kind), "value": {"detail": shown.detail}}


def _errors(route: Route) -> Iterator[Refusal]:
    """Yield the errors that a route declares and those that the rest of its declaration implies."""
    yield from route.errors
    implied: tuple[tuple[object, tuple[Refusal, ...]], ...] = (
        (route.query or route.is_idempotent, (QueryInvalid,)),
        (route.signed_in, (NotSignedIn,)),
        (route.body, (JsonTooLarge, ShapeInvalid)),
        (route.is_idempotent, (IdempotencyKeyReused,)),
        (route.limits, (TooManyRequests,)),
    )
    for applies, kinds in implied:
        if applies:
            yield from kinds
    yield from (InternalError, Unavailable)


def _limits(route: Route) -> Iterator[str]:
    if route.limits:
        lines = [f"- {limit.default} per {limit.per} (`{limit.setting.upper()}`)" for limit in route.limits]
        yield "Limits, unless the site sets others:\n\n" + "\n".join(lines)


def _id_schema(route: Route) -> Json:
    """Return the schema of an id. A route with the error `InvalidVideoId` also takes numbers, which no video has."""
    uuid: Json = {"type": "string", "format": "uuid"}
    number: Json = {"type": "string", "pattern": "^[0-9]+$"}
    return {"anyOf": [uuid, number]} if InvalidVideoId in route.errors else uuid


def _request_body(route: Route) -> Json:
    if route.form is not None:
        return {"required": True, "content": {"multipart/form-data": {"schema": dict(route.form)}}}
    if route.body is not None:
        schema = {"$ref": REF_TEMPLATE.format(model=route.body.__name__)}
        return {"required": True, "content": {"application/json": {"schema": schema}}}
    return {}


def _tag(route: Route) -> str:
    return type(_resource(route)).__name__.removesuffix("Resource").lower()


def _resource(route: Route) -> object:
    return getattr(route.handler, "__self__", None)


def _tags(routes: list[Route]) -> list[Json]:
    return [
        {"name": tag, "description": _first_line(kind)}
        for tag, kind in {_tag(route): type(_resource(route)) for route in routes}.items()
    ]


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _first_sentence(documented: object) -> str:
    return _first_line(documented).partition(". ")[0].rstrip(".")


def _header(text: str) -> Json:
    return {"description": text, "schema": {"type": "string"}}


def _header_references(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
