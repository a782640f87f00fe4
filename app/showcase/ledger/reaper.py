"""The reaper: rescues the jobs of workers that stopped sending heartbeats."""

from typing import Any

from app.config import Settings
from app.db.database import read_now, transaction
from app.db.models import Job, JobState, Video, VideoStatus
from app.showcase.ledger.columns import CANCELLED, back_in_queue, fail_video, released

POISON = "poison"
"""The reason code of a clip whose render has killed too many workers."""


def reap(settings: Settings) -> int:
    """Rescue each job whose lease has expired.

    The job is queued again, or ends: as cancelled if that was requested, or as poison if its workers have died
    `max_rescues` times.

    Returns:
        The number of jobs that were queued again or ended.
    """
    now = read_now()
    expired = Job.select().where(Job.state == JobState.RUNNING, Job.lease_expires_at < now)
    return sum(_rescue(job, now, settings) for job in expired)


def _rescue(job: Job, now: float, settings: Settings) -> bool:
    values = _columns_after_rescue(job, now, settings)
    with transaction():
        # The token ensures that this is still the lease that was found expired.
        same_lease = (Job.id == job.id) & (Job.lease_token == job.lease_token) & (Job.lease_expires_at < now)
        cancel_unchanged = Job.cancel_requested_at.is_null(job.cancel_requested_at is None)
        if not Job.update(values).where(same_lease, cancel_unchanged).execute():
            return False
        if values["state"] is JobState.QUEUED:
            Video.update(status=VideoStatus.UPLOADED).where(Video.id == job.video_id).execute()
        else:
            fail_video(job.video_id, values["error_code"])
    return True


def _columns_after_rescue(job: Job, now: float, settings: Settings) -> dict[str, Any]:
    """Return the columns of a job whose worker is gone."""
    rescues = job.rescues + 1
    if job.cancel_requested_at is not None:
        return released(state=JobState.CANCELLED, finished_at=now, error_code=CANCELLED)
    if rescues >= settings.max_rescues:
        detail = f"{rescues} workers died on this clip; the last was {job.lease_owner}."
        return released(state=JobState.FAILED, finished_at=now, rescues=rescues, error_code=POISON, error_detail=detail)
    return back_in_queue(run_at=now, rescues=rescues)
