"""The waitress server of the API: errors as JSON, load shedding, and a graceful shutdown."""

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from threading import Event
from types import FrameType
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from prometheus_client import Gauge

from app.api.admission import Application, RefusalHeaderMiddleware
from app.api.connections import RETRY_AFTER_SECONDS, TcpServer, UnixServer
from app.api.cors import Cors
from app.api.health import MONITORING_PATHS
from app.api.queue_warnings import QueueWarningsFilter
from app.http.paths import is_api_path

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 130 * 1024 * 1024
"""Larger than a form with the largest allowed clip, so that the application itself rejects a clip that is too large."""

BUFFER_BYTES = 64 * 1024
"""How much of a request or a response is held in memory before it is written to disk."""

MAX_CONNECTIONS = 512
"""Together, these connections buffer at most 64 MiB. When nearly all are in use, the server closes the slowest ones."""

LOOK_EVERY_SECONDS = 1
"""How often the server looks for clients that take too long."""

BOUNDS = {
    "max_request_body_size": MAX_BODY_BYTES,
    "inbuf_overflow": BUFFER_BYTES,
    "outbuf_overflow": BUFFER_BYTES,
    "connection_limit": MAX_CONNECTIONS,
    "channel_timeout": 120,
    "cleanup_interval": LOOK_EVERY_SECONDS,
}
"""waitress's own options; times in seconds."""

WAITING_PER_THREAD = 8
"""How many requests may wait for each thread. If more waited, their responses would come too late to be useful."""

CHECK_SECONDS = 120.0
"""How long the API may take to check and store a clip after its body has arrived (roles/host_proxy)."""


class LoadSheddingMiddleware:
    """Middleware that responds with 503 at once while more requests wait than can be processed in time.

    The response is JSON for the API's paths, and `page` (HTML) for all others.
    """

    def __init__(
        self, application: Application, waiting: Callable[[], int], most: int, cors: Cors, page: bytes
    ) -> None:
        self._application = application
        self._waiting = waiting
        self._most = most
        self._cors = cors
        self._page = page

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        path = environ.get("PATH_INFO", "")
        if self._waiting() <= self._most or path.rstrip("/") in MONITORING_PATHS:
            return self._application(environ, start_response)
        body = json.dumps({"detail": "The platform is overloaded right now; try again shortly."}).encode()
        media_type = "application/json"
        if not is_api_path(path):
            body, media_type = self._page, "text/html; charset=utf-8"
        headers = [("Content-Type", media_type), ("Retry-After", str(RETRY_AFTER_SECONDS))]
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
    overloaded_page: bytes,
    draining: Event,
    queue_depth: Gauge,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the accepted requests.

    Args:
        application: the WSGI application.
        listen: `host:port`; ignored if `unix_socket` is given.
        unix_socket: the socket's path; its group may read and write it.
        threads: how many requests are processed at once; `WAITING_PER_THREAD` times as many may wait.
        body_seconds: how long a request's body may take to arrive.
        trusted_proxy: the peer whose X-Forwarded-For and X-Forwarded-Proto headers are trusted.
        cors: the CORS rules for this server's own errors.
        overloaded_page: the page for a browser while more requests wait than can be processed in time.
        draining: set as soon as the shutdown begins; /ready fails from then on.
        queue_depth: the metric for the number of requests that wait for a thread.
    """
    address = {"unix_socket": unix_socket, "unix_socket_perms": "660"} if unix_socket else {"listen": listen}
    forwarded = {"trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}} if trusted_proxy else {}

    def waiting() -> int:
        return len(server.task_dispatcher.queue)

    guarded = LoadSheddingMiddleware(application, waiting, WAITING_PER_THREAD * threads, cors, overloaded_page)
    server = (UnixServer if unix_socket else TcpServer)(
        RefusalHeaderMiddleware(guarded),
        **address,
        **forwarded,
        **BOUNDS,
        threads=threads,
        trusted_proxy=trusted_proxy,
        clear_untrusted_proxy_headers=True,
        ident=None,
    )
    queue_depth.set_function(waiting)
    logging.getLogger("waitress.queue").addFilter(QueueWarningsFilter())
    server.cors = cors
    server.body_seconds = body_seconds
    _stop_on_signals(server, draining, finish_seconds=body_seconds + CHECK_SECONDS)
    log.info("api_listening", place=unix_socket or listen, threads=threads)
    server.run()
    log.info("api_stopped")


def _stop_on_signals(server: object, draining: Event, *, finish_seconds: float) -> None:
    """Install signal handlers: finish the accepted requests at the first SIGTERM or SIGINT, and exit at the second."""

    def stop(_signum: int, _frame: FrameType | None) -> None:
        if draining.is_set():
            raise SystemExit
        draining.set()
        threading.Thread(target=_finish, args=(server, finish_seconds), name="drain", daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # The drain thread sends SIGUSR1 to the main thread to end the server's loop.
    signal.signal(signal.SIGUSR1, _leave)


def _leave(_signum: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _finish(server: object, seconds: float) -> None:
    """Accept no new connections, and end the server's loop when every accepted request has its response.

    After `seconds` the loop ends in any case. The longest accepted upload finishes within this time.
    """
    deadline = time.monotonic() + seconds
    server.accepting = False  # type: ignore[attr-defined]
    while time.monotonic() < deadline and _busy(server):
        time.sleep(0.05)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def _busy(server: object) -> bool:
    """Whether a request is being received or processed, or a response is being sent."""
    channels = list(server.active_channels.values())  # type: ignore[attr-defined]
    return any(channel.request or channel.requests or channel.total_outbufs_len for channel in channels)
