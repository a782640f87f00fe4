"""The waitress server of the API: errors as JSON, bounds, and a graceful shutdown."""

import logging
import signal
import threading
import time
from collections.abc import Mapping
from threading import Event
from types import FrameType

import structlog

from app.api.admission import Application, RefusalHeaderMiddleware
from app.api.bulkheads import BulkheadDispatcher
from app.api.connections import TcpServer, UnixServer
from app.api.cors import Cors
from app.api.metrics import Metrics
from app.api.queue_warnings import QueueWarningsFilter

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

CHECK_SECONDS = 120.0
"""How long the API may take to check and store a clip after its body has arrived (roles/host_proxy)."""


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
    metrics: Metrics,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the accepted requests.

    Args:
        application: the WSGI application.
        listen: `host:port`; ignored if `unix_socket` is given.
        unix_socket: the socket's path; its group may read and write it.
        threads: how many requests outside the bulkheads (`app.api.bulkheads`) are processed at once.
        body_seconds: how long a request's body may take to arrive.
        trusted_proxy: the peer whose X-Forwarded-For and X-Forwarded-Proto headers are trusted.
        cors: the CORS rules for this server's own errors.
        overloaded_page: the page for a browser while more requests wait than can be processed in time.
        draining: set as soon as the shutdown begins; /ready fails from then on.
        metrics: the process's metrics, which show the waiting and the refused requests.
    """
    address = {"unix_socket": unix_socket, "unix_socket_perms": "660"} if unix_socket else {"listen": listen}
    server = create_server(
        application,
        address,
        threads=threads,
        trusted_proxy=trusted_proxy,
        cors=cors,
        overloaded_page=overloaded_page,
        metrics=metrics,
    )
    server.body_seconds = body_seconds
    _stop_on_signals(server, draining, finish_seconds=body_seconds + CHECK_SECONDS)
    log.info("api_listening", place=unix_socket or listen, threads=threads)
    server.run()
    log.info("api_stopped")


def create_server(
    application: Application,
    address: Mapping[str, str | None],
    *,
    threads: int,
    trusted_proxy: str | None,
    cors: Cors,
    overloaded_page: bytes,
    metrics: Metrics,
) -> TcpServer | UnixServer:
    """Create a server that listens on `address`, waitress' `listen` or `unix_socket`; its `run` serves."""
    forwarded = {"trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}} if trusted_proxy else {}
    dispatcher = BulkheadDispatcher(threads, metrics.refused)
    server = (UnixServer if "unix_socket" in address else TcpServer)(
        RefusalHeaderMiddleware(application),
        dispatcher=dispatcher,
        **address,
        **forwarded,
        **BOUNDS,
        trusted_proxy=trusted_proxy,
        clear_untrusted_proxy_headers=True,
        ident=None,
    )
    server.cors, server.overloaded_page = cors, overloaded_page
    metrics.queue_depth.set_function(lambda: dispatcher.waiting)
    logging.getLogger("waitress.queue").addFilter(QueueWarningsFilter())
    return server


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
