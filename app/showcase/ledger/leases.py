"""Leases: how a worker extends the lease on its job and ends the job."""

from dataclasses import dataclass
from uuid import UUID

from peewee import Expression, fn

from app.config import Settings
from app.db.database import db_now, transaction
from app.db.models import Job, JobState, Video, VideoStatus
from app.showcase.ledger.columns import CANCELLED, DETAIL_CHARS, fail_video, released


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to a job until the lease expires. `token` is a fencing token: writes with an old one fail."""

    job_id: UUID
    video_id: UUID
    token: UUID
    profile: str
    attempt: int
    """The number of this attempt, from 1."""
    max_attempts: int
    setbacks: int
    timeouts: int
    """How many earlier attempts timed out."""


@dataclass(frozen=True, slots=True)
class Output:
    """The stored and verified result of a render."""

    key: str
    poster_key: str
    size_bytes: int
    sha256: str
    """Hex."""
    notice_code: str | None = None
    """A remark for the player about the result: a key of `app.showcase.failures.NOTICES`."""


def _held(lease: Lease) -> Expression:
    return (Job.id == lease.job_id) & (Job.lease_token == lease.token) & (Job.state == JobState.RUNNING)


def held_uncancelled(lease: Lease) -> Expression:
    """Return a condition on `Job`: the lease is still held and the render is not cancelled."""
    return _held(lease) & Job.cancel_requested_at.is_null()


def heartbeat(lease: Lease, progress: float, settings: Settings) -> bool:
    """Extend the lease and record the progress of the render.

    Returns:
        False when the lease is lost or the render was cancelled. The worker must then kill FFmpeg and abandon the job.
    """
    extended = list(
        Job.update(lease_expires_at=db_now() + settings.lease_seconds, progress=progress)
        .where(_held(lease))
        .returning(Job.cancel_requested_at)
        .execute()
    )
    return any(job.cancel_requested_at is None for job in extended)


def succeed(lease: Lease, output: Output, *, publish: bool) -> bool:
    """Commit a verified result: end the job and set the video's result in one transaction.

    Returns:
        False if the lease was lost or the render was cancelled. Nothing then refers to the stored result; upkeep sweeps
            it.
    """
    with transaction():
        now = db_now()
        ended = (
            Job.update(
                released(
                    state=JobState.SUCCEEDED,
                    progress=1,
                    finished_at=now,
                    output_key=output.key,
                    output_bytes=output.size_bytes,
                    output_sha256=output.sha256,
                    error_code=None,
                    error_detail=None,
                )
            )
            .where(held_uncancelled(lease))
            .execute()
        )
        if not ended:
            return False
        Video.update(
            status=VideoStatus.PROCESSED,
            processed_key=output.key,
            poster_key=output.poster_key,
            processed_at=now,
            published_at=fn.COALESCE(Video.published_at, now) if publish else Video.published_at,
            failure_code=None,
            notice_code=output.notice_code,
        ).where(Video.id == lease.video_id).execute()
    return True


def fail(lease: Lease, code: str, detail: str) -> bool:
    """Fail the job for good. The player sees the reason `code`, and operators see `detail`.

    Returns:
        False if the lease was lost or the render was cancelled; then nothing changes.
    """
    with transaction():
        ended = (
            Job.update(
                released(
                    state=JobState.FAILED,
                    finished_at=db_now(),
                    error_code=code,
                    error_detail=detail[:DETAIL_CHARS],
                )
            )
            .where(held_uncancelled(lease))
            .execute()
        )
        if ended:
            fail_video(lease.video_id, code)
    return bool(ended)


def acknowledge_cancel(lease: Lease) -> bool:
    """End a render that its player or an operator cancelled.

    Returns:
        False when the lease is lost, or the render was not cancelled.
    """
    with transaction():
        ended = (
            Job.update(released(state=JobState.CANCELLED, finished_at=db_now(), error_code=CANCELLED))
            .where(_held(lease) & Job.cancel_requested_at.is_null(False))
            .execute()
        )
        if ended:
            fail_video(lease.video_id, CANCELLED)
    return bool(ended)
