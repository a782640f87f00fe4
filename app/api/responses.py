"""Responses: JSON from the schemas of `app.api.response_schemas`."""

from dataclasses import dataclass, field
from typing import Any

from bottle import HTTPResponse
from pydantic import TypeAdapter

from app.http.caching import cacheable_answer

JSON = "application/json"

PUBLIC_SECONDS = 1
"""How long browsers and CDNs may show a public response without asking again; Nginx caches it for as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response that a route may return. `adapter` serializes its body; without one, the body is empty or not JSON."""

    status: int = 200
    adapter: TypeAdapter[Any] | None = None
    example: object = None
    media_type: str | None = None
    headers: tuple[str, ...] = ()
    is_public: bool = False
    """Whether every cache may keep the response."""


@dataclass(frozen=True, slots=True)
class WithHeaders:
    """A handler's result with headers for its response."""

    value: object
    headers: dict[str, str] = field(default_factory=dict)


def respond(reply: Reply, result: object) -> HTTPResponse:
    """Return the response for a handler's result. A handler may also return a response of its own."""
    if isinstance(result, HTTPResponse):
        return result
    made = result if isinstance(result, WithHeaders) else WithHeaders(result)
    if reply.adapter is None:
        return HTTPResponse(b"", reply.status, made.headers)
    body = reply.adapter.dump_json(made.value)
    if reply.is_public:
        return public_answer(body, headers=made.headers)
    return json_answer(body, status=reply.status, headers=made.headers)


def public_answer(body: bytes, *, media_type: str = JSON, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Return a public response whose body is already serialized.

    Every cache may keep it for `PUBLIC_SECONDS`, unless `headers` contains another Cache-Control. If the client already
    has the same response (If-None-Match), return a 304 without a body (RFC 9110, 13.1.2).
    """
    cached = {"Cache-Control": f"public, max-age={PUBLIC_SECONDS}"} | (headers or {})
    return cacheable_answer(body, content_type=media_type, headers=cached)


def json_answer(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Return a response whose JSON is already serialized."""
    return HTTPResponse(body, status, {"Content-Type": JSON} | (headers or {}))


def preflight_answer(headers: dict[str, str], **_path: str) -> HTTPResponse:
    """Return the 204 response to a CORS preflight. Values from the path are ignored."""
    return HTTPResponse(b"", 204, headers)


def redirect(url: str) -> HTTPResponse:
    """Return a 302 to a URL."""
    return HTTPResponse(b"", 302, {"Location": url})
