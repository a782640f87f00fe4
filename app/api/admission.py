"""Admission of uploads: the API admits or rejects each upload before Nginx reads its body (`auth_request`).

So a client that is not signed in, or that exceeds a rate limit, cannot occupy Nginx with a large body.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from bottle import HTTPResponse

from app.api.requests import client_address, read_member
from app.api.responses import no_content
from app.api.routing import ApiDependencies, Route
from app.config import Settings
from app.showcase.sessions import Member

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

CHECK = "/internal/may-upload"


def upload_limits(settings: Settings, member: Member) -> Iterator[tuple[str, str, str]]:
    """Yield the rate limits of an upload: each limit, its purpose, and the account or address that it applies to."""
    yield settings.upload_limit_per_account, "upload-account", str(member.id)
    yield settings.upload_limit_per_address, "upload-address", client_address()


class AdmissionResource:
    """Handles Nginx's admission subrequests. Without a trusted proxy, the route does not exist."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        if self._dependencies.settings.trusted_proxy:
            yield Route("GET", CHECK, self.may_upload)

    def may_upload(self) -> HTTPResponse:
        """Return 204 with the account's id in X-Upload-Account, or the error that the upload itself would get.

        The check does not count against the rate limits; the upload that follows does.
        """
        member = read_member(self._dependencies.sessions)
        for limit, purpose, who in upload_limits(self._dependencies.settings, member):
            self._dependencies.throttle.check(limit, purpose, who)
        admitted = no_content()
        admitted.set_header("X-Upload-Account", str(member.id))
        return admitted


class RefusalHeaderMiddleware:
    """Middleware that copies the check's error JSON to the header X-Refusal: Nginx discards the check's body."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        if environ.get("PATH_INFO") != CHECK:
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
