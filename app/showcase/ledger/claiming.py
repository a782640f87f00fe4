"""Claims the next job in fair order: players take turns.

A clip's waiting time starts when the clip becomes due, or when a worker last claimed a clip of the same player,
whichever is later. The clip that has waited longest is next. So a player with fifty clips does not starve a player with
one clip, and a new upload does not overtake another player's second clip that was already waiting.
"""

from typing import Any
from uuid import UUID, uuid4

from peewee import Node, fn

from app.config import Settings
from app.db.database import db_now, on_postgresql, read_now, transaction
from app.db.models import Job, JobState, User, Video, VideoStatus
from app.showcase.ledger.leases import Lease


def claim(owner: str, settings: Settings) -> Lease | None:
    """Claim the next due job and return its lease, or None when no job is due."""
    with transaction():
        job_id, token = _next_due(), uuid4()
        job = None if job_id is None else _take(job_id, owner, token, settings)
        if job is None:
            return None
        Video.update(status=VideoStatus.PROCESSING).where(Video.id == job.video_id).execute()
        note_served(job.video_id, job.started_at)
    return Lease(
        job.id,
        job.video_id,
        token,
        job.profile,
        job.attempt,
        job.max_attempts,
        setbacks=job.setbacks,
        timeouts=job.timeouts,
    )


def _take(job_id: UUID, owner: str, token: UUID, settings: Settings) -> Job | None:
    now = read_now()
    taken = (
        Job.update(
            state=JobState.RUNNING,
            attempt=Job.attempt + 1,
            lease_owner=owner,
            lease_token=token,
            lease_expires_at=now + settings.lease_seconds,
            started_at=now,
            finished_at=None,
            progress=0,
        )
        .where(Job.id == job_id, Job.state == JobState.QUEUED)
        .returning(Job)
        .execute()
    )
    return next(iter(list(taken)), None)


def _next_due() -> UUID | None:
    """Return the id of the next due job, on PostgreSQL with its row locked; None when no job is due."""
    query = (
        Job.select(Job.id)
        .join(Video)
        .join(User)
        .where(Job.state == JobState.QUEUED, Job.run_at <= db_now())
        .order_by(*fair_order(), Job.id)
        .limit(1)
    )
    if on_postgresql():
        query = query.for_update(of=Job, skip_locked=True)
    found = query.first()
    return None if found is None else found.id


def fair_order() -> tuple[Node, Node, Node]:
    """Return what waiting jobs are sorted by, in a query that joins their videos and players."""
    return _later_of(User.last_claimed_at, Job.run_at), User.last_claimed_at, Job.run_at


def note_served(video_id: UUID, now: Any, *, held_back_seconds: float = 0) -> None:
    """Move a video's player to the end of the fair order, in the caller's transaction.

    Args:
        video_id: the clip that a worker has claimed, or whose render has timed out.
        now: the database's time, as a number or an SQL expression.
        held_back_seconds: added to the recorded time, so that the player's clips come later in the fair order.
    """
    player = Video.select(Video.user).where(Video.id == video_id)
    served_at = _later_of(User.last_claimed_at, now) + held_back_seconds
    User.update(last_claimed_at=served_at).where(User.id == player).execute()


def _later_of(one: Any, other: Any) -> Any:
    return fn.GREATEST(one, other) if on_postgresql() else fn.MAX(one, other)
