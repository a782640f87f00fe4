"""The outbox: jobs are recorded with their video, and the doorbell rings for them until a worker claims them."""

from uuid import UUID, uuid4

from app.config import Settings
from app.db.database import db_now, read_now
from app.db.models import Job, JobState


def enqueue(video_id: UUID, settings: Settings) -> None:
    """Record the render job of a new video, in the transaction that creates the video."""
    now = db_now()
    Job.insert(
        id=uuid4(),
        video=video_id,
        profile=settings.render_profile.value,
        max_attempts=settings.max_attempts,
        run_at=now,
        created_at=now,
    ).execute()


def count_queued() -> int:
    """Return the number of clips that are waiting for a worker, due or not."""
    return int(Job.select().where(Job.state == JobState.QUEUED).count())


def mark_dispatched(video_id: UUID) -> None:
    """Record that the doorbell rang for a video's job, so that upkeep does not ring again at once."""
    waiting = (Job.video == video_id) & (Job.state == JobState.QUEUED)
    Job.update(dispatched_at=db_now()).where(waiting).execute()


def mark_redispatched(settings: Settings) -> int:
    """Record a ring for every due job without a recent one. The caller must then ring the doorbell.

    So a job is rendered even if the queue was flushed, a ring was lost, or the API process was killed between the
    commit and the ring.

    Returns:
        The number of jobs for which a ring was recorded.
    """
    now = read_now()
    without_ring = Job.dispatched_at.is_null() | (Job.dispatched_at < now - settings.redispatch_after_seconds)
    return int(
        Job.update(dispatched_at=now).where(Job.state == JobState.QUEUED, Job.run_at <= now, without_ring).execute()
    )
