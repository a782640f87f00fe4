"""How far the render of a player's clip is: its place in the queue, its progress, and the time left."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from peewee import Tuple

from app.db.database import read_now
from app.db.models import Job, JobState, User, Video
from app.showcase.ledger.claiming import fair_order

EARLY = 0.05
"""Below this progress, an estimate of the time left would jump."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A render that has not ended.

    Attributes:
        ahead: how many clips are before it in the fair order; None while it is rendered.
        progress: 0 to 1.
        seconds_left: None if it cannot be estimated yet.
    """

    ahead: int | None
    progress: float
    seconds_left: float | None


def find_waits(video_ids: Collection[UUID]) -> dict[UUID, Wait]:
    """Return the renders of these videos that have not ended."""
    jobs = (
        Job.select(Job, User.last_claimed_at.alias("last_claimed_at"))
        .join(Video)
        .join(User)
        .where(Job.video.in_(list(video_ids)), Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
        .objects()
    )
    now = read_now()
    return {job.video_id: _wait(job, now) for job in jobs}


def _wait(job: Job, now: float) -> Wait:
    if job.state is JobState.QUEUED:
        return Wait(_count_ahead(job), 0.0, None)
    spent = now - (job.started_at or now)
    left = spent * (1 - job.progress) / job.progress if job.progress >= EARLY else None
    return Wait(None, job.progress, left)


def _count_ahead(job: Job) -> int:
    """Count the clips that the next workers claim before this one, as of now. A player's turn moves with each claim."""
    last_claimed = float(job.last_claimed_at)  # type: ignore[attr-defined] # a column of the query above
    own = (max(last_claimed, job.run_at), last_claimed, job.run_at)
    queued = Job.select().join(Video).join(User).where(Job.state == JobState.QUEUED)
    return int(queued.where(Tuple(*fair_order()) < Tuple(*own)).count())
