"""Runs one leased job, from its claim to the committed result.

A job that does not succeed has one of these outcomes:

- It fails for good.
- It is retried after a failed attempt.
- It is deferred because a dependency failed.
- It is given back because the worker is stopping.
- It is cancelled.
- It is lost because its lease expired.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from app.config import Settings
from app.db.database import database
from app.db.errors import DATABASE_UNAVAILABLE
from app.media.errors import RenderInterrupted, RenderTimedOut, UnreadableClip
from app.showcase.causes import DEPENDENCY_FAILURES, INTERNAL_ERROR, code_of
from app.showcase.heartbeat import Pulse
from app.showcase.ledger import leases, retries
from app.showcase.ledger.leases import Lease
from app.showcase.results import ClipEncoder, LeaseLost, Results
from app.showcase.verification import is_of_verification
from app.storage.s3 import S3Store

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """The outcome of a job on its worker. The values are logged."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ATTEMPT_FAILED = "attempt failed"
    DEFERRED = "put off"
    """A dependency failed: the store, the database, the disk or a program."""
    CANCELLED = "cancelled"
    LOST = "lost"
    """The lease expired, so the job no longer belongs to this worker."""


class Renderer:
    """Runs the jobs of one worker."""

    def __init__(self, store: S3Store, encoder: ClipEncoder, settings: Settings) -> None:
        self._results = Results(store, encoder, settings)
        self._settings = settings

    def run_job(self, lease: Lease) -> Outcome:
        """Run one leased job and return its outcome, which is recorded in the ledger.

        Raises:
            KeyboardInterrupt, SystemExit: the worker must stop.
            OperationalError, InterfaceError: the database was unavailable for longer than the render's time-out.
        """
        pulse = Pulse(lease, self._settings)
        with structlog.contextvars.bound_contextvars(job_id=str(lease.job_id), video_id=str(lease.video_id)):
            log.info("render_started", attempt=lease.attempt, profile=lease.profile)
            try:
                with pulse.beating():
                    outcome = self._attempt(lease, pulse)
            except (KeyboardInterrupt, SystemExit):
                # The worker stops even if the database is unavailable; the reaper then rescues the job.
                with suppress(*DATABASE_UNAVAILABLE):
                    retries.give_back(lease)
                    log.info("render_given_back")
                raise
            log.info("render_ended", outcome=outcome)
            return outcome

    def _attempt(self, lease: Lease, pulse: Pulse) -> Outcome:
        try:
            output = self._results.make(lease, pulse)
        except (RenderInterrupted, LeaseLost):
            return self._leave(lease)
        except Exception as error:  # noqa: BLE001 (the ledger must record any failure)
            return self._note_failure(lease, error)
        committed = self._note(lambda: leases.succeed(lease, output, publish=self._needs_no_review(lease)))
        return Outcome.SUCCEEDED if committed else self._leave(lease)

    def _needs_no_review(self, lease: Lease) -> bool:
        return not self._settings.review_required or is_of_verification(lease.video_id)

    def _note_failure(self, lease: Lease, error: Exception) -> Outcome:
        code, detail, settings = code_of(error), f"{type(error).__name__}: {error}", self._settings
        log.warning("render_failed", code=code, detail=detail, exc_info=code == INTERNAL_ERROR)
        if isinstance(error, UnreadableClip):
            noted = self._note(lambda: leases.fail(lease, code, detail))
            return Outcome.FAILED if noted else self._leave(lease)
        if isinstance(error, DEPENDENCY_FAILURES):
            noted = self._note(lambda: retries.wait_for_dependencies(lease, code, detail, settings))
            return Outcome.DEFERRED if noted else self._leave(lease)
        retry = retries.retry_timed_out if isinstance(error, RenderTimedOut) else retries.retry_later
        noted = self._note(lambda: retry(lease, code, detail, settings))
        return Outcome.ATTEMPT_FAILED if noted else self._leave(lease)

    def _leave(self, lease: Lease) -> Outcome:
        return Outcome.CANCELLED if self._note(lambda: leases.acknowledge_cancel(lease)) else Outcome.LOST

    def _note(self, transition: Callable[[], bool]) -> bool:
        """Run a transition, and retry it while the database is unavailable. Heartbeats continue meanwhile."""
        for attempt in Retrying(
            retry=retry_if_exception_type(DATABASE_UNAVAILABLE),
            stop=stop_after_delay(self._settings.render_timeout_seconds),
            wait=wait_exponential(multiplier=0.5, max=5),
            before_sleep=_drop_connection,
            reraise=True,
        ):
            with attempt:
                return transition()
        raise AssertionError("unreachable: the loop returns or raises")


def _drop_connection(state: RetryCallState) -> None:
    log.warning("database_away", attempt=state.attempt_number)
    database.close()
