"""One leased job, from its claim to the committed result.

A worker makes the result and commits it. What goes wrong is sorted here into the four ways a job can leave a worker:
failed for good, tried again, put off, given back.
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
from app.showcase.causes import INTERNAL_ERROR, SURROUNDINGS, code_of
from app.showcase.heartbeat import Pulse
from app.showcase.ledger import leases, retries
from app.showcase.ledger.leases import Lease
from app.showcase.results import ClipEncoder, LeaseLost, Results
from app.showcase.verification import is_of_verification
from app.storage.s3 import S3Store

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How a worker and a job part."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ATTEMPT_FAILED = "attempt failed"
    PUT_OFF = "put off"
    """Because of the surroundings: store, database, disk."""
    CANCELLED = "cancelled"
    LOST = "lost"
    """To another worker."""


class Renderer:
    """The workshop of one worker: what it needs to carry out any job."""

    def __init__(self, store: S3Store, encoder: ClipEncoder, settings: Settings) -> None:
        self._results = Results(store, encoder, settings)
        self._settings = settings

    def work_off(self, lease: Lease) -> Outcome:
        """Carry out one leased job, and note and return how it ended. Raises only what tells the worker to leave."""
        pulse = Pulse(lease, self._settings)
        with structlog.contextvars.bound_contextvars(job_id=str(lease.job_id), video_id=str(lease.video_id)):
            log.info("render_started", attempt=lease.attempt, profile=lease.profile)
            try:
                with pulse.beating():
                    outcome = self._attempt(lease, pulse)
            except (KeyboardInterrupt, SystemExit):
                # Whatever the database says: who was told to leave, leaves. The reaper finds the job.
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
        except Exception as error:  # noqa: BLE001 (whatever it is, the ledger must hear of it)
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
        if isinstance(error, SURROUNDINGS):
            noted = self._note(lambda: retries.wait_for_surroundings(lease, code, detail, settings))
            return Outcome.PUT_OFF if noted else self._leave(lease)
        retry = retries.retry_timed_out if isinstance(error, RenderTimedOut) else retries.retry_later
        noted = self._note(lambda: retry(lease, code, detail, settings))
        return Outcome.ATTEMPT_FAILED if noted else self._leave(lease)

    def _leave(self, lease: Lease) -> Outcome:
        return Outcome.CANCELLED if self._note(lambda: leases.acknowledge_cancel(lease)) else Outcome.LOST

    def _note(self, transition: Callable[[], bool]) -> bool:
        """Carry out a transition, waiting for a database that is away. The heart goes on beating meanwhile."""
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
