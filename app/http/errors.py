"""Errors: the one place that maps exceptions to statuses, and the JSON responses for them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import structlog
from bottle import HTTPError, HTTPResponse, response
from pydantic import ValidationError

from app.db.errors import NO_CONNECTION
from app.files import is_disk_full
from app.media.errors import MediaInfoMissing, ProbeKilled
from app.showcase.errors import (
    Busy,
    IdempotencyKeyReused,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RuleBroken,
    ShowcaseError,
)
from app.storage.errors import StorageUnavailable

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 5
BUSY_SECONDS = 60
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(BUSY_SECONDS)}}
UNAVAILABLE = (StorageUnavailable, *NO_CONNECTION, ProbeKilled, MediaInfoMissing)
"""Failures that cause a 503: not the client's fault, and either transient or for the operator to fix."""


class ApiError(Exception):
    """An error of the HTTP layer. The rules of the showcase raise `ShowcaseError` instead."""

    status = 400
    message = ""

    def __init__(self, detail: str | list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail or self.message)
        self.detail = detail or self.message
        self.headers: dict[str, str] = {}

    @classmethod
    def example(cls) -> Self:
        """Return such an error for the API's document. Classes whose detail varies override this."""
        return cls()


class QueryInvalid(ApiError):
    """A query parameter or header has an invalid value."""

    @classmethod
    def example(cls) -> Self:
        """Return the error for a limit over the maximum."""
        return cls("limit: Input should be less than or equal to 100")


class MultipartBroken(ApiError):
    """The multipart body cannot be parsed."""

    message = "Send exactly one title and one video_file."


class InvalidVideoId(ApiError):
    """The id is neither a number nor a UUID, on a route for which the API contract specifies 400."""

    message = "Invalid video ID format"


class VerificationRefused(ApiError):
    """The request claims to come from `playbooks/verify_site.yml`, but its secret does not match."""

    status = 403
    message = "X-Verification-Secret does not match"


class JsonTooLarge(ApiError):
    """The JSON body is over its size limit."""

    status = 413
    message = "Request body too large: JSON may have 65536 bytes at most."


class ShapeInvalid(ApiError):
    """A field of the body is missing, unknown or invalid."""

    status = 422

    @classmethod
    def of(cls, error: ValidationError, place: str) -> Self:
        """Return the error for a `ValidationError`, as a list of {loc, msg, type} without the rejected input."""
        items = error.errors(include_url=False, include_context=False, include_input=False)
        return cls([{"loc": [place, *item["loc"]], "msg": item["msg"], "type": item["type"]} for item in items])

    @classmethod
    def field(cls, name: str, message: str, kind: str) -> Self:
        """Return the error for one form field."""
        return cls([{"loc": ["body", name], "msg": message, "type": kind}])

    @classmethod
    def example(cls) -> Self:
        """Return the error for a missing field."""
        return cls.field("title", "Field required", "missing")


class MalformedId(ApiError):
    """The id in the path is not a UUID."""

    status = 404

    def __init__(self, text: str) -> None:
        message = f"Input should be a valid UUID, not {text[:40]!r}"
        super().__init__([{"loc": ["path", "video_id"], "msg": message, "type": "uuid_parsing"}])

    @classmethod
    def example(cls) -> Self:
        """Return the error for a word."""
        return cls("abc")


class TooManyRequests(ApiError):
    """A rate limit is exceeded."""

    status = 429

    def __init__(self, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(f"Too many requests; try again in {retry_after} s.")
        self.headers["Retry-After"] = str(retry_after)

    @classmethod
    def example(cls) -> Self:
        """Return the error of a client that may try again in half a minute."""
        return cls(30)


class Unavailable(ApiError):
    """A dependency of the platform (database, store, disk) is down."""

    status = 503
    message = "A part of the platform is not available right now; try again shortly."

    def __init__(self) -> None:
        super().__init__()
        self.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)


class InternalError(ApiError):
    """An unexpected error, which the API logs with its traceback."""

    status = 500
    message = "Internal server error"


Refusal = type[ApiError] | type[ShowcaseError]
"""A class of errors that a route may return."""

STATUS: tuple[tuple[type[ShowcaseError], int], ...] = (
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Busy, 503),
    (IdempotencyKeyReused, 422),
    (RuleBroken, 400),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client receives for an error."""

    status: int
    detail: str | list[dict[str, Any]]
    headers: dict[str, str]


def show(error: ApiError | ShowcaseError) -> Shown:
    """Return the status, the detail and the headers of an error."""
    if isinstance(error, ApiError):
        return Shown(error.status, error.detail, error.headers)
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    return Shown(status, error.text, HEADERS.get(status, {}))


def show_example(kind: Refusal) -> Shown:
    """Return an example of what a client receives for a class of errors."""
    return show(kind.example() if issubclass(kind, ApiError) else kind())


def error_answer(status: int, detail: object, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Return a response with the body `{"detail": …}` and a status."""
    body = json.dumps({"detail": detail}, ensure_ascii=False)
    return HTTPResponse(body, status, {"Content-Type": "application/json"} | (headers or {}))


def answer_failures(handler: Callable[..., object]) -> Callable[..., object]:
    """A Bottle plugin that turns every exception of a handler into a response."""

    def handle(*args: object, **kwargs: object) -> object:
        try:
            return handler(*args, **kwargs)
        except HTTPResponse:
            raise
        except Exception as error:  # noqa: BLE001 (no other exception may reach Bottle)
            return answer_for(error)

    return handle


def answer_for(error: Exception) -> HTTPResponse:
    """Return the JSON response for an exception."""
    shown = show(as_refusal(error))
    return error_answer(shown.status, shown.detail, shown.headers)


def as_refusal(error: Exception) -> ApiError | ShowcaseError:
    """Return what the client learns of an exception. An unexpected one is logged with its traceback."""
    if isinstance(error, ApiError | ShowcaseError):
        return error
    if isinstance(error, UNAVAILABLE) or (isinstance(error, OSError) and is_disk_full(error)):
        log.error("part_unavailable", error=f"{type(error).__name__}: {error}")
        return Unavailable()
    log.error("request_failed", exc_info=error)
    return InternalError()


def answer_http_error(error: HTTPError) -> str:
    """Return one of Bottle's own errors (unknown route, wrong method, uncaught exception) as JSON."""
    if error.exception is not None:
        log.error("request_failed", exc_info=error.exception)
    response.content_type = "application/json"
    known = {404: "Not found", 405: "Method not allowed", 500: InternalError.message}
    return json.dumps({"detail": known.get(error.status_code, str(error.status_line).partition(" ")[2])})
