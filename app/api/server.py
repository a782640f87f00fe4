"""waitress as this API wants it: JSON for its own refusals, bounds instead of collapse, a stop that loses nothing."""

import errno
import json
import signal
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Event
from types import FrameType
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from waitress import create_server
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask
from waitress.utilities import Error

from app.api.cors import Cors, Headers

log = structlog.get_logger(__name__)

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

MAX_BODY_BYTES = 130 * 1024 * 1024
"""Above the largest clip and its form, so that "too large" is the application's own answer."""

BUFFER_BYTES = 64 * 1024
"""What a request or an answer may hold in memory before it goes to disk."""

MAX_CONNECTIONS = 512
"""With their buffers they take 64 MiB at most; more wait in the kernel."""

WAITING_PER_THREAD = 8
"""Requests that may wait for each thread. Behind more, an answer comes too late to be of use."""

FINISH_SECONDS = 120
RETRY_AFTER_SECONDS = 5
UNSHED = {"/health", "/api/health", "/ready", "/metrics"}
"""Whoever watches an overloaded process must still see it."""


class Overloaded(Error):  # type: ignore[misc]
    """A refusal with 503, in waitress's own terms."""

    code = 503
    reason = "Service Unavailable"


class JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """Requests that never reach the application (broken, far too large, no room), refused in JSON."""

    def execute(self) -> None:
        """Write the refusal and close."""
        error = self.request.error
        body = json.dumps({"detail": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {HTTPStatus(error.code).phrase}"
        self.response_headers.append(("Content-Type", "application/json"))
        if isinstance(error, Overloaded):
            self.response_headers.append(("Retry-After", str(RETRY_AFTER_SECONDS)))
        self.response_headers += self._cross_origin()
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)

    def _cross_origin(self) -> Headers:
        """By what was understood of the request: its first line or its headers may be what is broken."""
        request, cors = self.request, self.channel.server.cors
        origin = request.headers.get("ORIGIN")
        method, path = (str(getattr(request, name, None) or "") for name in ("command", "path"))
        return list(cors.headers(method, path, origin))


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses request lines that waitress's own parser stumbles over, and then answers nothing."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # as urlsplit's "Invalid IPv6 URL"
            raise ParsingError("Bad URI") from error


class JsonChannel(HTTPChannel):  # type: ignore[misc]
    """A connection whose errors are JSON, also when the disk has no room for what it sends."""

    parser_class = StrictParser
    error_task_class = JsonErrorTask

    def received(self, data: bytes) -> bool:
        """Take in what arrived."""
        try:
            return bool(super().received(data))
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT} or self.request is None:
                raise
            log.warning("no_room_for_request", error=str(error))
            self._refuse(Overloaded("there is no room to take in a request right now; try again shortly"))
            return True

    def _refuse(self, error: Error) -> None:
        with self.requests_lock:
            request: Any = self.__dict__["request"]
            self.request = None
            request.error = error
            request.completed = True
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)


class Shedding:
    """Answers 503 at once while more requests wait than can be answered in time."""

    def __init__(self, application: Application, waiting: Callable[[], int], most: int, cors: Cors) -> None:
        self._application = application
        self._waiting = waiting
        self._most = most
        self._cors = cors

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        path = environ.get("PATH_INFO", "")
        if self._waiting() <= self._most or path.rstrip("/") in UNSHED:
            return self._application(environ, start_response)
        body = json.dumps({"detail": "The platform is overloaded right now; try again shortly."}).encode()
        headers = [("Content-Type", "application/json"), ("Retry-After", str(RETRY_AFTER_SECONDS))]
        headers += self._cors.headers(environ["REQUEST_METHOD"], path, environ.get("HTTP_ORIGIN"))
        start_response("503 Service Unavailable", [*headers, ("Content-Length", str(len(body)))])
        return [body]


def serve(
    application: Application,
    *,
    listen: str | None,
    unix_socket: str | None,
    threads: int,
    trusted_proxy: str | None,
    cors: Cors,
    draining: Event,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted.

    Args:
        application: what answers.
        listen: `host:port`, unless there is a `unix_socket`.
        unix_socket: a path, readable and writable for the group.
        threads: requests answered at once; `WAITING_PER_THREAD` times as many may wait.
        trusted_proxy: the peer whose X-Forwarded-For and -Proto are believed.
        cors: which headers the refusals of this server carry for pages of other sites.
        draining: set as soon as the stop begins; /ready fails from then on.
    """
    place = {"unix_socket": unix_socket, "unix_socket_perms": "660"} if unix_socket else {"listen": listen}
    believed = {"trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}} if trusted_proxy else {}
    guarded = Shedding(application, lambda: len(server.task_dispatcher.queue), WAITING_PER_THREAD * threads, cors)
    server = create_server(
        guarded,
        **place,
        **believed,
        threads=threads,
        trusted_proxy=trusted_proxy,
        clear_untrusted_proxy_headers=True,
        max_request_body_size=MAX_BODY_BYTES,
        inbuf_overflow=BUFFER_BYTES,
        outbuf_overflow=BUFFER_BYTES,
        connection_limit=MAX_CONNECTIONS,
        channel_timeout=120,
        ident=None,
    )
    server.channel_class = JsonChannel
    server.cors = cors

    def stop(_signum: int, _frame: FrameType | None) -> None:
        if draining.is_set():
            raise SystemExit
        draining.set()
        threading.Thread(target=_finish, args=(server,), name="drain", daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # The drain thread ends the loop from inside the main thread by this signal.
    signal.signal(signal.SIGUSR1, _leave)
    log.info("api_listening", place=unix_socket or listen, threads=threads)
    server.run()
    log.info("api_stopped")


def _leave(_signum: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _finish(server: object) -> None:
    """Take no new connections, wait for the answers in the making, then end the loop."""
    deadline = time.monotonic() + FINISH_SECONDS
    server.accepting = False  # type: ignore[attr-defined]
    while time.monotonic() < deadline and _busy(server):
        time.sleep(0.05)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def _busy(server: object) -> bool:
    """Whether a request is being received, answered, or its answer is still being sent."""
    channels = list(server.active_channels.values())  # type: ignore[attr-defined]
    return any(channel.request or channel.requests or channel.total_outbufs_len for channel in channels)
