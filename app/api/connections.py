"""waitress's connections, with JSON errors and time limits for slow clients."""

import json
import time
from http import HTTPStatus
from typing import Any, cast

import structlog
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import Error

from app.api.cors import Headers
from app.files import is_disk_full
from app.http.errors import RETRY_AFTER_SECONDS
from app.http.paths import is_api_path

log = structlog.get_logger(__name__)

HEADER_SECONDS = 10.0
"""How long a request's headers may take to arrive, and how long a new connection may stay silent."""

SPARE_CONNECTIONS = 16
"""How many connections the server keeps free, if necessary by closing the connections of the slowest clients."""

GRACE_SECONDS = 1.0
"""A connection that is younger than this is not yet considered slow."""


class Overloaded(Error):  # type: ignore[misc]
    """The waitress error for a 503 response."""

    code = 503
    reason = "Service Unavailable"


class NoThread(Overloaded):
    """All threads for this kind of request are busy, and as many requests are waiting as may wait.

    The request has arrived completely, so the client can use the connection for its next request.
    """


class BodyTooSlow(Error):  # type: ignore[misc]
    """The body did not arrive in time."""

    code = 408
    reason = "Request Timeout"


class JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """Sends a JSON error for a request that never reaches the application, for example a malformed one."""

    def execute(self) -> None:
        """Write the error and, unless the whole request was received, close the connection."""
        error = self.request.error
        body, media_type = self._body()
        self.status = f"{error.code} {HTTPStatus(error.code).phrase}"
        self.response_headers.append(("Content-Type", media_type))
        if isinstance(error, Overloaded):
            self.response_headers.append(("Retry-After", str(RETRY_AFTER_SECONDS)))
        self.response_headers += self._cross_origin()
        if not isinstance(error, NoThread):
            self.set_close_on_finish()
        self.content_length = len(body)
        # waitress itself does not drop the body of a response to HEAD. The client would take it for its next response.
        self.write(b"" if getattr(self.request, "command", None) == "HEAD" else body)

    def _body(self) -> tuple[bytes, str]:
        """Return the error and its media type: JSON, or a page if a browser asked for a page and no thread was free."""
        error = self.request.error
        if not isinstance(error, NoThread):
            return json.dumps({"detail": f"{error.reason}: {error.body}"}).encode(), "application/json"
        if is_api_path(self.request.path):
            return json.dumps({"detail": error.body}).encode(), "application/json"
        return self.channel.server.overloaded_page, "text/html; charset=utf-8"

    def _cross_origin(self) -> Headers:
        """Return the CORS headers of the error. Method and path are empty if the request line could not be parsed."""
        request, cors = self.request, self.channel.server.cors
        origin = request.headers.get("ORIGIN")
        method, path = (str(getattr(request, name, None) or "") for name in ("command", "path"))
        return list(cors.headers(method, path, origin))


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """A parser that records when its request began, and reports a ValueError in waitress as a malformed request."""

    def __init__(self, adjustments: object) -> None:
        super().__init__(adjustments)
        self.began = time.monotonic()

    @property
    def bytes_per_second(self) -> float:
        """Return the average rate at which the request has arrived so far."""
        received: int = self.header_bytes_received + self.body_bytes_received
        return received / max(GRACE_SECONDS, time.monotonic() - self.began)

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request line and the headers."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # for example urlsplit's "Invalid IPv6 URL"
            raise ParsingError("Bad URI") from error


class JsonChannel(HTTPChannel):  # type: ignore[misc]
    """A connection whose errors are JSON, including the one for a full disk."""

    parser_class = StrictParser
    error_task_class = JsonErrorTask
    request: StrictParser | None = None
    """The request that is being received; None between requests."""

    def received(self, data: bytes) -> bool:
        """Process received bytes. Respond with 503 if the disk is full."""
        try:
            return bool(super().received(data))
        except OSError as error:
            if not is_disk_full(error) or self.request is None:
                raise
            log.warning("no_room_for_request", error=str(error))
            self._refuse(Overloaded("there is no room to take in a request right now; try again shortly"))
            return True

    def time_out_if_late(self, body_seconds: float) -> None:
        """Close the connection if the request's headers take too long; respond with 408 if its body does."""
        parser = self.request
        if parser is None:
            # Close only connections that never had a request. waitress itself closes other idle connections after
            # channel_timeout.
            is_unused = self.last_activity == self.creation_time and not self.requests
            self.will_close |= is_unused and time.time() - self.creation_time > HEADER_SECONDS
        elif not parser.headers_finished:
            self.will_close |= time.monotonic() - parser.began > HEADER_SECONDS
        elif time.monotonic() - parser.began > body_seconds:
            self._refuse(BodyTooSlow(f"a body may take {body_seconds:g} s to arrive"))

    def handle_close(self) -> None:
        """Close the connection and delete a partly received body, which waitress leaves to the garbage collector."""
        super().handle_close()
        unfinished = self.request
        if unfinished is not None:
            unfinished.close()

    @property
    def may_be_closed(self) -> bool:
        """Whether the server may close this connection in favour of another one.

        True if the connection is older than `GRACE_SECONDS`, and the server is neither processing a request from it nor
        sending a response to it.
        """
        waits = not (self.requests or self.total_outbufs_len or self.will_close)
        return waits and time.time() - self.creation_time > GRACE_SECONDS

    @property
    def bytes_per_second(self) -> float:
        """Return the average rate at which the request has arrived so far; 0 when no request has begun."""
        return 0.0 if self.request is None else self.request.bytes_per_second

    def _refuse(self, error: Error) -> None:
        with self.requests_lock:
            request: Any = self.__dict__["request"]
            self.request = None
            request.error = error
            request.completed = True
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)


class _Bounded:
    """Limits how long slow clients occupy connections, for servers on a TCP port and on a Unix socket.

    waitress calls `readable` in each iteration of its event loop, and `maintenance` about once a second.
    """

    channel_class = JsonChannel
    body_seconds = 900.0

    def readable(self) -> bool:
        """Whether to accept connections. When few more are possible, close the connections of the slowest clients."""
        server = cast("Any", self)
        crowd = len(server.active_channels) + SPARE_CONNECTIONS - server.adj.connection_limit
        if server.accepting and crowd > 0:
            slowest = sorted(filter(_may_be_closed, server.active_channels.values()), key=_speed)
            for channel in slowest[:crowd]:
                channel.will_close = True
        return bool(super().readable())  # type: ignore[misc]

    def maintenance(self, now: float) -> None:
        """Time out the connections whose requests take too long."""
        super().maintenance(now)  # type: ignore[misc]
        for channel in list(cast("Any", self).active_channels.values()):
            channel.time_out_if_late(self.body_seconds)


def _may_be_closed(channel: JsonChannel) -> bool:
    return channel.may_be_closed


def _speed(channel: JsonChannel) -> float:
    return channel.bytes_per_second


class TcpServer(_Bounded, TcpWSGIServer):  # type: ignore[misc]
    """Listens on a TCP port."""


class UnixServer(_Bounded, UnixWSGIServer):  # type: ignore[misc]
    """Listens on a Unix socket."""
