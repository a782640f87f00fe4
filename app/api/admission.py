"""Admission of uploads: the API admits or rejects each upload before Nginx reads its body (`auth_request`).

So a client that is not signed in, or that exceeds a rate limit, cannot occupy Nginx with a large body.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from app.api.replies import NOTHING
from app.api.responses import WithHeaders
from app.api.routing import ApiDependencies, Route
from app.http.identity import read_browser_member
from app.http.limits import upload_limits
from app.http.requests import read_member
from app.showcase.sessions import Member

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

CHECK, PAGE_CHECK = "/internal/may-upload", "/internal/may-upload-page"
CHECKS = frozenset({CHECK, PAGE_CHECK})


class AdmissionResource:
    """Handles Nginx's admission subrequests. Without a trusted proxy, no process has this resource."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("GET", CHECK, self.may_upload, NOTHING, is_internal=True)
        yield Route("GET", PAGE_CHECK, self.page_may_upload, NOTHING, is_internal=True)

    def may_upload(self) -> WithHeaders:
        """Return 204 with the account's id in X-Upload-Account, or the error that the upload itself would get.

        The check does not count against the rate limits; the upload that follows does.
        """
        return self._admit(read_member(self._dependencies.sessions))

    def page_may_upload(self) -> WithHeaders:
        """Return the same for an upload from the page /me/upload, which sends a cookie instead of a token."""
        return self._admit(read_browser_member(self._dependencies.sessions))

    def _admit(self, member: Member) -> WithHeaders:
        self._dependencies.check(*upload_limits(member))
        return WithHeaders(None, {"X-Upload-Account": str(member.id)})


class RefusalHeaderMiddleware:
    """Middleware that copies the check's error JSON to the header X-Refusal: Nginx discards the check's body."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        if environ.get("PATH_INFO") not in CHECKS:
            return self._application(environ, start_response)
        begun: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            begun[:] = [status, headers, exc_info]

        body = b"".join(self._application(environ, start))
        status, headers, exc_info = begun
        # The JSON has no line breaks, so it is a valid header value. WSGI encodes headers as Latin-1, which restores
        # the bytes of the body.
        refusal = [("X-Refusal", body.decode("latin-1"))] if body else []
        start_response(status, [*headers, *refusal], exc_info)
        return [body]
