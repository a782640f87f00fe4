"""Queues an unfinished job again: after a failed attempt, a time-out, an outage, or a drain."""

import random
from typing import Any

from app.config import Settings
from app.db.database import db_now, transaction
from app.db.models import Job, Video, VideoStatus
from app.showcase.ledger.claiming import note_served
from app.showcase.ledger.columns import DETAIL_CHARS, back_in_queue
from app.showcase.ledger.leases import Lease, fail, held_uncancelled


def retry_later(lease: Lease, code: str, detail: str, settings: Settings) -> bool:
    """Retry a failed attempt after a backoff, or fail the job when its attempts are used up.

    Returns:
        False if the lease was lost or the render was cancelled; then nothing changes.
    """
    if lease.attempt >= lease.max_attempts:
        return fail(lease, code, detail)
    delay = backoff_seconds(lease.attempt, settings)
    return _postpone(lease, delay, error_code=code, error_detail=detail[:DETAIL_CHARS])


def retry_timed_out(lease: Lease, code: str, detail: str, settings: Settings) -> bool:
    """Retry a render that timed out, or fail the job after `max_timeouts` time-outs.

    In the fair order, the player's clips are moved back by `render_timeout_seconds`. So a clip that always times out
    mainly delays other clips of the same player.

    Returns:
        False if the lease was lost or the render was cancelled; then nothing changes.
    """
    with transaction():
        if lease.timeouts + 1 >= settings.max_timeouts:
            noted = fail(lease, code, detail)
        else:
            noted = retry_later(lease, code, detail, settings)
        if noted:
            Job.update(timeouts=Job.timeouts + 1).where(Job.id == lease.job_id).execute()
            note_served(lease.video_id, db_now(), held_back_seconds=settings.render_timeout_seconds)
    return noted


def wait_for_dependencies(lease: Lease, code: str, detail: str, settings: Settings) -> bool:
    """Defer a job with a backoff because the store, the database or the disk failed. This uses up no attempt.

    Returns:
        False if the lease was lost or the render was cancelled; then nothing changes.
    """
    delay = backoff_seconds(lease.setbacks + 1, settings)
    return _postpone(
        lease,
        delay,
        attempt=Job.attempt - 1,
        setbacks=Job.setbacks + 1,
        error_code=code,
        error_detail=detail[:DETAIL_CHARS],
    )


def give_back(lease: Lease) -> bool:
    """Give an unfinished job back because this worker is stopping. It is due at once, and no attempt is used up."""
    return _postpone(lease, 0, attempt=Job.attempt - 1)


def _postpone(lease: Lease, delay_seconds: float, **values: Any) -> bool:
    with transaction():
        postponed = (
            Job.update(back_in_queue(run_at=db_now() + delay_seconds, **values))
            .where(held_uncancelled(lease))
            .execute()
        )
        if postponed:
            Video.update(status=VideoStatus.UPLOADED).where(Video.id == lease.video_id).execute()
    return bool(postponed)


def backoff_seconds(failures: int, settings: Settings) -> float:
    """Return the backoff after the `failures`th failure: 10, 20, 40 … s by default, capped, plus up to 25 % jitter."""
    delay = min(settings.backoff_base_seconds * 2.0 ** (failures - 1), settings.backoff_max_seconds)
    return delay * random.uniform(1, 1.25)  # noqa: S311 (jitter needs no secure random numbers)
