"""Responses: JSON from the schemas of `app.api.response_schemas`."""

from hashlib import blake2b

from bottle import HTTPResponse, request
from pydantic import BaseModel

PUBLIC_SECONDS = 1
"""How long browsers and CDNs may show a public response without asking again; Nginx caches it for as long."""


def public_answer(body: bytes, *, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Return a public response whose JSON is already serialized. Every cache may keep it for `PUBLIC_SECONDS`.

    If the client already has the same response (If-None-Match), return a 304 without a body (RFC 9110, 13.1.2).
    """
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    cached = {"ETag": etag, "Cache-Control": f"public, max-age={PUBLIC_SECONDS}"}
    known = request.get_header("If-None-Match", "")
    if known.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return HTTPResponse(b"", 304, cached | (headers or {}))
    return json_answer(body, headers=cached | (headers or {}))


def answer(body: BaseModel, *, status: int = 200) -> HTTPResponse:
    """Return a response with one object as JSON."""
    return json_answer(body.model_dump_json().encode(), status=status)


def json_answer(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Return a response whose JSON is already serialized."""
    return HTTPResponse(body, status, {"Content-Type": "application/json"} | (headers or {}))


def no_content() -> HTTPResponse:
    """Return an empty response with 204."""
    return HTTPResponse(b"", 204)


def preflight_answer(headers: dict[str, str], **_path: str) -> HTTPResponse:
    """Return the 204 response to a CORS preflight. Values from the path are ignored."""
    return HTTPResponse(b"", 204, headers)


def redirect(url: str) -> HTTPResponse:
    """Return a 302 to a URL."""
    return HTTPResponse(b"", 302, {"Location": url})
