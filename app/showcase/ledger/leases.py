"""What a worker does with a job that it claimed: keep the lease alive, end the job."""

from dataclasses import dataclass
from uuid import UUID

from peewee import Expression, fn

from app.config import Settings
from app.db.database import db_now, transaction
from app.db.models import Job, JobState, Video, VideoStatus
from app.showcase.ledger.columns import CANCELLED, DETAIL_CHARS, fail_video, released


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job, until it expires or is lost. The token fences off whoever held it before."""

    job_id: UUID
    video_id: UUID
    token: UUID
    profile: str
    attempt: int
    """1 for the first."""
    max_attempts: int
    setbacks: int
    timeouts: int
    """How many attempts ran out of time before this one."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a render left in the store, verified there."""

    key: str
    poster_key: str
    size_bytes: int
    sha256: str
    """Hex."""
    notice_code: str | None = None
    """What the player is told about the result: a key of `app.showcase.failures.NOTICES`."""


def _held(lease: Lease) -> Expression:
    return (Job.id == lease.job_id) & (Job.lease_token == lease.token) & (Job.state == JobState.RUNNING)


def held_uncancelled(lease: Lease) -> Expression:
    """Whether the lease still holds and nobody wants the render stopped, as a condition on `Job`."""
    return _held(lease) & Job.cancel_requested_at.is_null()


def heartbeat(lease: Lease, progress: float, settings: Settings) -> bool:
    """Extend the lease and note how far the render is.

    Returns:
        False when the lease is lost or the owner wants the render stopped: kill FFmpeg, leave.
    """
    extended = list(
        Job.update(lease_expires_at=db_now() + settings.lease_seconds, progress=progress)
        .where(_held(lease))
        .returning(Job.cancel_requested_at)
        .execute()
    )
    return any(job.cancel_requested_at is None for job in extended)


def succeed(lease: Lease, output: Output, *, publish: bool) -> bool:
    """Commit a verified result: the job ends and the video shows it, in one transaction.

    Returns:
        False when the lease was lost or the render cancelled meanwhile; the result stays unreferenced.
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
    """Give up for good; the video shows the public reason `code`, operators see `detail`."""
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
    """End a render that its player or an operator stopped.

    Returns:
        False when the lease is lost, or nobody asked for this.
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
