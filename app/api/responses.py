"""Responses: JSON from the schemas of `app.api.response_schemas`."""

from bottle import HTTPResponse
from pydantic import BaseModel


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
