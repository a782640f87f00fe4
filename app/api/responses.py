"""Writing an answer: JSON from the shapes of `app.api.response_schemas`."""

from bottle import HTTPResponse
from pydantic import BaseModel


def answer(body: BaseModel, *, status: int = 200) -> HTTPResponse:
    """One object as JSON."""
    return json_answer(body.model_dump_json().encode(), status=status)


def json_answer(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """JSON that is already written."""
    return HTTPResponse(body, status, {"Content-Type": "application/json"} | (headers or {}))


def no_content() -> HTTPResponse:
    """204."""
    return HTTPResponse(b"", 204)


def preflight_answer(headers: dict[str, str], **_path: str) -> HTTPResponse:
    """204 to a browser's question before a request, whatever the path's values are."""
    return HTTPResponse(b"", 204, headers)


def see(url: str) -> HTTPResponse:
    """302 to where the bytes are."""
    return HTTPResponse(b"", 302, {"Location": url})
