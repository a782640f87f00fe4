"""Jobs on their way to a worker: noted with their video, and rung for until a worker takes them."""

from uuid import UUID, uuid4

from app.config import Settings
from app.db.database import db_now, read_now
from app.db.models import Job, JobState


def enqueue(video_id: UUID, settings: Settings) -> None:
    """Note the render of a new video, in the transaction that makes the video."""
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
    """How many clips wait for a worker, due or not."""
    return int(Job.select().where(Job.state == JobState.QUEUED).count())


def mark_dispatched(video_id: UUID) -> None:
    """Note that the doorbell rang for a video's job, so that upkeep need not ring at once."""
    waiting = (Job.video == video_id) & (Job.state == JobState.QUEUED)
    Job.update(dispatched_at=db_now()).where(waiting).execute()


def mark_redispatched(settings: Settings) -> int:
    """Note that the doorbell rings now for the due jobs that it has not rung for lately.

    Heals a flushed queue, a lost ring, an API killed between commit and ring.

    Returns:
        How many there are.
    """
    now = read_now()
    unheard = Job.dispatched_at.is_null() | (Job.dispatched_at < now - settings.redispatch_after_seconds)
    return int(Job.update(dispatched_at=now).where(Job.state == JobState.QUEUED, Job.run_at <= now, unheard).execute())
