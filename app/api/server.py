"""waitress as this API wants it: JSON for its own refusals, and a stop that finishes what was accepted."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Event
from types import FrameType
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from waitress import create_server
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 130 * 1024 * 1024
"""Above the largest clip and its form, so that "too large" is the application's own answer."""

FINISH_SECONDS = 120


class JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """Requests that never reach the application (broken, or far too large), refused in JSON."""

    def execute(self) -> None:
        """Write the refusal and close."""
        error = self.request.error
        body = json.dumps({"detail": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {HTTPStatus(error.code).phrase}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class JsonChannel(HTTPChannel):  # type: ignore[misc]
    """A connection whose errors are JSON."""

    error_task_class = JsonErrorTask


def serve(
    application: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]],
    *,
    listen: str | None,
    unix_socket: str | None,
    threads: int,
    trusted_proxy: str | None,
    draining: Event,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted.

    Args:
        application: what answers.
        listen: `host:port`, unless there is a `unix_socket`.
        unix_socket: a path, readable and writable for the group.
        threads: requests answered at once; more wait.
        trusted_proxy: the peer whose X-Forwarded-For and -Proto are believed.
        draining: set as soon as the stop begins; /ready fails from then on.
    """
    place = {"unix_socket": unix_socket, "unix_socket_perms": "660"} if unix_socket else {"listen": listen}
    believed = {"trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}} if trusted_proxy else {}
    server = create_server(
        application,
        **place,
        **believed,
        threads=threads,
        trusted_proxy=trusted_proxy,
        clear_untrusted_proxy_headers=True,
        max_request_body_size=MAX_BODY_BYTES,
        connection_limit=1000,
        channel_timeout=120,
        ident=None,
    )
    server.channel_class = JsonChannel

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
