"""What a worker does when the bell rings: claim the next due job, carry it out, until none is due."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

from app.config import Settings
from app.db.database import database
from app.db.errors import DATABASE_UNAVAILABLE
from app.operations import presence
from app.services import build_encoder, build_services
from app.showcase.ledger import claiming, retries
from app.showcase.rendering import Outcome, Renderer

log = structlog.get_logger(__name__)

THREADS = 3
"""The one that renders, its heartbeat's, and the one that says how the worker is."""


PUT_OFF = (
    "Its last render was put off because of the store, the database or the disk; `rising-stars jobs list` says why."
)


class RenderShift:
    """One worker process at work. Its parts are built in `begin`, after the fork: sockets must not cross it."""

    def __init__(self, settings: Settings, *, wait_for_stop: Callable[[float], bool]) -> None:
        """`wait_for_stop` waits so many seconds at most and tells whether the worker is to stop."""
        self._settings = settings
        self._wait_for_stop = wait_for_stop
        self._renderer: Renderer | None = None
        self._name = ""
        self._problem: str | None = None
        self._put_off: str | None = None

    def begin(self) -> None:
        """Build this process's own parts."""
        services = build_services(self._settings, threads=THREADS)
        self._renderer = Renderer(services.store, build_encoder(self._settings), self._settings)
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        threading.Thread(target=self._stay_present, name="presence", daemon=True).start()

    def end(self) -> None:
        """Say that this worker has left."""
        self._say(lambda: presence.leave(self._name))

    def work_off_due(self) -> None:
        """Carry out due jobs one after the other, until there is none or the worker is to stop.

        A worker that is not well takes no job, or its next one only after a pause: it would only put them off,
        one after the other.
        """
        if self._renderer is None:
            raise RuntimeError("the shift has not begun: a worker's startup failed, its log says why")
        failures = 0
        try:
            while not self._wait_for_stop(self._pause_seconds(failures)):
                more = self._carry_out_next(self._renderer)
                if not more:
                    return
                failures = failures + 1 if self._problem else 0
        finally:
            database.close()

    def _carry_out_next(self, renderer: Renderer) -> bool:
        """Take up one job, if this worker is well and one is due; False when none is."""
        clock = presence.clock_problem()
        lease = None if clock else claiming.claim(self._name, self._settings)
        if lease is not None:
            self._put_off = PUT_OFF if renderer.work_off(lease) is Outcome.PUT_OFF else None
        self._set_problem(clock or self._put_off)
        return clock is not None or lease is not None

    def _pause_seconds(self, failures: int) -> float:
        """None after success; a growing one after failures, short enough that a worker that is well again shows."""
        return min(retries.backoff_seconds(failures, self._settings), self._settings.lease_seconds) if failures else 0.0

    def _set_problem(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        if problem:
            log.warning("worker_unwell", problem=problem)
        else:
            log.info("worker_well")
        self._problem = problem
        self._say(lambda: presence.report(self._name, problem))

    def _stay_present(self) -> None:
        while True:
            self._say(lambda: presence.report(self._name, self._problem))
            database.close()
            if self._wait_for_stop(self._settings.heartbeat_seconds):
                return

    def _say(self, report: Callable[[], None]) -> None:
        """Tell the database, which may be away: whoever asks it then knows anyway."""
        try:
            report()
        except DATABASE_UNAVAILABLE as error:
            log.warning("presence_unreported", error=str(error))
            database.close()
