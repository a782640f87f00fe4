"""waitress as this API wants it: JSON for its own refusals, bounds instead of collapse, a stop that loses nothing."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterable
from threading import Event
from types import FrameType
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog

from app.api.admission import Application, RefusalInHeader
from app.api.connections import RETRY_AFTER_SECONDS, TcpServer, UnixServer
from app.api.cors import Cors
from app.api.health import MONITORING_PATHS

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 130 * 1024 * 1024
"""Above the largest clip and its form, so that "too large" is the application's own answer."""

BUFFER_BYTES = 64 * 1024
"""What a request or an answer may hold in memory before it goes to disk."""

MAX_CONNECTIONS = 512
"""With their buffers they take 64 MiB at most. Where they are all in use, the slowest clients make room."""

LOOK_EVERY_SECONDS = 1
"""How often clients that take too long are looked for."""

WAITING_PER_THREAD = 8
"""Requests that may wait for each thread. Behind more, an answer comes too late to be of use."""

FINISH_SECONDS = 120


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
        if self._waiting() <= self._most or path.rstrip("/") in MONITORING_PATHS:
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
    body_seconds: float,
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
        body_seconds: how long a request's body may take to arrive.
        trusted_proxy: the peer whose X-Forwarded-For and -Proto are believed.
        cors: which headers the refusals of this server carry for pages of other sites.
        draining: set as soon as the stop begins; /ready fails from then on.
    """
    place = {"unix_socket": unix_socket, "unix_socket_perms": "660"} if unix_socket else {"listen": listen}
    believed = {"trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}} if trusted_proxy else {}
    guarded = Shedding(application, lambda: len(server.task_dispatcher.queue), WAITING_PER_THREAD * threads, cors)
    server = (UnixServer if unix_socket else TcpServer)(
        RefusalInHeader(guarded),
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
        cleanup_interval=LOOK_EVERY_SECONDS,
        ident=None,
    )
    server.cors = cors
    server.body_seconds = body_seconds

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
