"""What a worker does when the doorbell rings: claim and run due jobs, one after the other, until none is due."""

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

DATABASE_CONNECTIONS = 3
"""One for each thread that uses the database: one renders, one sends heartbeats, and one reports the presence."""


DEFERRED = (
    "Its last render was deferred because of the store, the database or the disk; `rising-stars jobs list` says why."
)


class RenderShift:
    """Runs the jobs of a worker process.

    `begin` builds the dependencies in each process after the fork, because processes must not share a socket.
    """

    def __init__(self, settings: Settings, *, wait_for_stop: Callable[[float], bool]) -> None:
        """`wait_for_stop` waits for at most the given number of seconds, and returns whether the worker must stop."""
        self._settings = settings
        self._wait_for_stop = wait_for_stop
        self._renderer: Renderer | None = None
        self._name = ""
        self._problem: str | None = None
        self._deferred: str | None = None

    def begin(self) -> None:
        """Build this process's dependencies, and start the thread that reports the worker's presence."""
        services = build_services(self._settings, database_connections=DATABASE_CONNECTIONS)
        self._renderer = Renderer(services.store, build_encoder(self._settings), self._settings)
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        threading.Thread(target=self._stay_present, name="presence", daemon=True).start()

    def end(self) -> None:
        """Delete the record of this worker's presence."""
        self._report(lambda: presence.leave(self._name))

    def run_due_jobs(self) -> None:
        """Run due jobs one after the other until no job is due or the worker must stop.

        A worker whose clock is wrong claims no job. After a deferred job, the worker pauses before it claims the next
        one. Without the pause, it would soon defer every due job.
        """
        if self._renderer is None:
            raise RuntimeError("the worker has not started: its startup failed, see its log")
        failures = 0
        try:
            while not self._wait_for_stop(self._pause_seconds(failures)):
                more = self._run_next(self._renderer)
                if not more:
                    return
                failures = failures + 1 if self._problem else 0
        finally:
            database.close()

    def _run_next(self, renderer: Renderer) -> bool:
        """Run one job if one is due, unless this worker's clock is wrong. Return False only if no job is due."""
        clock = presence.clock_problem()
        lease = None if clock else claiming.claim(self._name, self._settings)
        if lease is not None:
            self._deferred = DEFERRED if renderer.run_job(lease) is Outcome.DEFERRED else None
        self._set_problem(clock or self._deferred)
        return clock is not None or lease is not None

    def _pause_seconds(self, failures: int) -> float:
        """Return the pause before the next claim. It grows with the number of `failures`, up to a lease's length."""
        return min(retries.backoff_seconds(failures, self._settings), self._settings.lease_seconds) if failures else 0.0

    def _set_problem(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        if problem:
            log.warning("worker_unwell", problem=problem)
        else:
            log.info("worker_well")
        self._problem = problem
        self._report(lambda: presence.report(self._name, problem))

    def _stay_present(self) -> None:
        while True:
            self._report(lambda: presence.report(self._name, self._problem))
            database.close()
            if self._wait_for_stop(self._settings.heartbeat_seconds):
                return

    def _report(self, report: Callable[[], None]) -> None:
        """Call `report`. If the database is unavailable, only log the error: the next report may succeed."""
        try:
            report()
        except DATABASE_UNAVAILABLE as error:
            log.warning("presence_unreported", error=str(error))
            database.close()
