"""How an unfinished job goes back in the queue: after a failed attempt, a time-out, an outage, or a drain."""

import random
from typing import Any

from app.config import Settings
from app.db.database import db_now, transaction
from app.db.models import Job, Video, VideoStatus
from app.showcase.ledger.claiming import note_served
from app.showcase.ledger.columns import DETAIL_CHARS, back_in_queue
from app.showcase.ledger.leases import Lease, fail, held_uncancelled


def retry_later(lease: Lease, code: str, detail: str, settings: Settings) -> bool:
    """Give a failed attempt another chance after a backoff, or give up when the attempts are spent.

    Returns:
        False when the lease was lost or the render cancelled meanwhile.
    """
    if lease.attempt >= lease.max_attempts:
        return fail(lease, code, detail)
    delay = backoff_seconds(lease.attempt, settings)
    return _postpone(lease, delay, error_code=code, error_detail=detail[:DETAIL_CHARS])


def retry_timed_out(lease: Lease, code: str, detail: str, settings: Settings) -> bool:
    """Try a render that ran out of time again, up to `max_timeouts`, and let players who waited meanwhile go first.

    The time that it used counts as if its player had been served that much later: a clip that takes all there is
    then holds up its own player's clips only.

    Returns:
        False when the lease was lost or the render cancelled meanwhile.
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


def wait_for_surroundings(lease: Lease, code: str, detail: str, settings: Settings) -> bool:
    """Back off because the store, the database or the disk failed, which no attempt of the job's is spent on."""
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
    """Return an unfinished job because this worker must leave: due at once, and not counted."""
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
    """10·2ⁿ seconds up to the bound, plus up to a quarter of jitter. `failures` counts from 1."""
    delay = min(settings.backoff_base_seconds * 2.0 ** (failures - 1), settings.backoff_max_seconds)
    return delay * random.uniform(1, 1.25)  # noqa: S311 (spreads retries, guards nothing)
