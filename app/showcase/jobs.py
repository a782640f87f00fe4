"""The job ledger: every transition of a render is one guarded UPDATE here.

The row is both the truth and the outbox; the queue is only a doorbell. Whoever's UPDATE meets zero rows
has lost to somebody else and stops. All times are the database's (`db_now`).
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

from peewee import Expression, fn

from app.config import Settings
from app.db.database import db_now, on_postgresql, read_now, transaction
from app.db.models import Job, JobState, User, Video, VideoStatus
from app.showcase.audit import record
from app.showcase.errors import JobNotCancellable, JobNotFound, JobNotRetryable

RETRYABLE = [JobState.FAILED, JobState.CANCELLED]
POISON = "poison"
CANCELLED = "cancelled"
DETAIL_CHARS = 2000


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


def mark_dispatched(video_id: UUID) -> None:
    """Note that the doorbell rang for a video's job, so that upkeep need not ring at once."""
    waiting = (Job.video == video_id) & (Job.state == JobState.QUEUED)
    Job.update(dispatched_at=db_now()).where(waiting).execute()


def claim(owner: str, settings: Settings) -> Lease | None:
    """Take the next due job, or None when nothing is due.

    Fair order: a clip waits from when it was due or its player was last served, whichever is later, and the
    longest wait comes first. Players take turns, so one with fifty clips does not starve one with a single clip,
    and nobody who comes later than both overtakes a player's second clip.
    """
    with transaction():
        job_id = _next_due()
        if job_id is None:
            return None
        now = read_now()
        token = uuid4()
        claimed = list(
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
        for job in claimed:
            Video.update(status=VideoStatus.PROCESSING).where(Video.id == job.video_id).execute()
            owner_of_video = Video.select(Video.user).where(Video.id == job.video_id)
            User.update(last_claimed_at=_later_of(User.last_claimed_at, now)).where(User.id == owner_of_video).execute()
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
    return None


def _next_due() -> UUID | None:
    waits_since = _later_of(User.last_claimed_at, Job.run_at)
    query = (
        Job.select(Job.id)
        .join(Video)
        .join(User)
        .where(Job.state == JobState.QUEUED, Job.run_at <= db_now())
        .order_by(waits_since, User.last_claimed_at, Job.run_at, Job.id)
        .limit(1)
    )
    if on_postgresql():
        query = query.for_update(of=Job, skip_locked=True)
    found = query.first()
    return None if found is None else found.id


def _later_of(one: Any, other: Any) -> Any:
    return fn.GREATEST(one, other) if on_postgresql() else fn.MAX(one, other)


def _held(lease: Lease) -> Expression:
    return (Job.id == lease.job_id) & (Job.lease_token == lease.token) & (Job.state == JobState.RUNNING)


def _held_uncancelled(lease: Lease) -> Expression:
    return _held(lease) & Job.cancel_requested_at.is_null()


def _released(**values: Any) -> dict[str, Any]:
    """The columns of a lease that is over; `lease_owner` stays, for whoever asks where it ran."""
    return {"lease_token": None, "lease_expires_at": None, **values}


def _back_in_queue(**values: Any) -> dict[str, Any]:
    return _released(state=JobState.QUEUED, dispatched_at=None, progress=0, **values)


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
                _released(
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
            .where(_held_uncancelled(lease))
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
            owner = Video.select(Video.user).where(Video.id == lease.video_id)
            served_at = _later_of(User.last_claimed_at, db_now()) + settings.render_timeout_seconds
            User.update(last_claimed_at=served_at).where(User.id == owner).execute()
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
            Job.update(_back_in_queue(run_at=db_now() + delay_seconds, **values))
            .where(_held_uncancelled(lease))
            .execute()
        )
        if postponed:
            Video.update(status=VideoStatus.UPLOADED).where(Video.id == lease.video_id).execute()
    return bool(postponed)


def fail(lease: Lease, code: str, detail: str) -> bool:
    """Give up for good; the video shows the public reason `code`, operators see `detail`."""
    with transaction():
        ended = (
            Job.update(
                _released(
                    state=JobState.FAILED,
                    finished_at=db_now(),
                    error_code=code,
                    error_detail=detail[:DETAIL_CHARS],
                )
            )
            .where(_held_uncancelled(lease))
            .execute()
        )
        if ended:
            _fail_video(lease.video_id, code)
    return bool(ended)


def _fail_video(video_id: UUID, code: str) -> None:
    Video.update(status=VideoStatus.FAILED, failure_code=code).where(Video.id == video_id).execute()


def acknowledge_cancel(lease: Lease) -> bool:
    """End a render whose owner asked for it. Zero rows: the lease is lost, and so is the say."""
    with transaction():
        ended = (
            Job.update(_released(state=JobState.CANCELLED, finished_at=db_now(), error_code=CANCELLED))
            .where(_held(lease) & Job.cancel_requested_at.is_null(False))
            .execute()
        )
        if ended:
            _fail_video(lease.video_id, CANCELLED)
    return bool(ended)


def backoff_seconds(failures: int, settings: Settings) -> float:
    """10·2ⁿ seconds up to the bound, plus up to a quarter of jitter. `failures` counts from 1."""
    delay = min(settings.backoff_base_seconds * 2.0 ** (failures - 1), settings.backoff_max_seconds)
    return delay * random.uniform(1, 1.25)  # noqa: S311 (spreads retries, guards nothing)


def request_cancel(video_id: UUID) -> None:
    """Stop a video's render, in the caller's transaction: at once when queued, else at the next heartbeat."""
    now = db_now()
    of_video = Job.video == video_id
    Job.update(state=JobState.CANCELLED, finished_at=now, error_code=CANCELLED).where(
        of_video, Job.state == JobState.QUEUED
    ).execute()
    Job.update(cancel_requested_at=now).where(of_video, Job.state == JobState.RUNNING).execute()


def reap(settings: Settings) -> int:
    """Rescue the jobs of workers that stopped sending heartbeats.

    Each goes back in the queue, or ends: as cancelled when its owner asked, as poison when it has already
    cost `max_rescues` workers.

    Returns:
        How many jobs were taken from their workers.
    """
    now = read_now()
    expired = Job.select().where(Job.state == JobState.RUNNING, Job.lease_expires_at < now)
    return sum(_rescue(job, now, settings) for job in expired)


def _rescue(job: Job, now: float, settings: Settings) -> bool:
    rescues = job.rescues + 1
    if job.cancel_requested_at is not None:
        values = _released(state=JobState.CANCELLED, finished_at=now, error_code=CANCELLED)
    elif rescues >= settings.max_rescues:
        detail = f"{rescues} workers died on this clip; the last was {job.lease_owner}."
        values = _released(
            state=JobState.FAILED, finished_at=now, rescues=rescues, error_code=POISON, error_detail=detail
        )
    else:
        values = _back_in_queue(run_at=now, rescues=rescues)
    with transaction():
        # The token makes sure that it is still the lease that was seen to be expired.
        same_lease = (Job.id == job.id) & (Job.lease_token == job.lease_token) & (Job.lease_expires_at < now)
        cancel_unchanged = Job.cancel_requested_at.is_null(job.cancel_requested_at is None)
        if not Job.update(values).where(same_lease, cancel_unchanged).execute():
            return False
        if values["state"] is JobState.QUEUED:
            Video.update(status=VideoStatus.UPLOADED).where(Video.id == job.video_id).execute()
        else:
            _fail_video(job.video_id, values["error_code"])
    return True


def mark_redispatched(settings: Settings) -> int:
    """Note that the doorbell rings now for the due jobs nobody has been rung for lately.

    Heals a flushed queue, a lost ring, an API killed between commit and ring.

    Returns:
        How many there are.
    """
    now = read_now()
    unheard = Job.dispatched_at.is_null() | (Job.dispatched_at < now - settings.redispatch_after_seconds)
    return int(Job.update(dispatched_at=now).where(Job.state == JobState.QUEUED, Job.run_at <= now, unheard).execute())


def count_queued() -> int:
    """How many clips wait for a worker, due or not."""
    return int(Job.select().where(Job.state == JobState.QUEUED).count())


@dataclass(frozen=True, slots=True)
class Backlog:
    """The ledger at a glance."""

    by_state: dict[str, int]
    due: int
    oldest_due_seconds: float
    """How long the longest-waiting due job has waited; 0 when none waits."""


def measure_backlog() -> Backlog:
    """Count the ledger, for metrics."""
    counted = Job.select(Job.state, fn.COUNT(Job.id)).group_by(Job.state).tuples()
    counts = dict(cast("Iterable[tuple[JobState, int]]", counted))
    now = read_now()
    due = (
        Job.select(fn.COUNT(Job.id), fn.MIN(Job.run_at))
        .where(Job.state == JobState.QUEUED, Job.run_at <= now)
        .scalar(as_tuple=True)
    )
    by_state = {state.value: counts.get(state, 0) for state in JobState}
    return Backlog(by_state, due[0], max(0.0, now - due[1]) if due[1] is not None else 0.0)


def list_jobs(*, state: JobState | None, limit: int) -> list[Job]:
    """Jobs with their videos, newest first."""
    query = Job.select(Job, Video).join(Video).order_by(Job.created_at.desc()).limit(limit)
    return list(query if state is None else query.where(Job.state == state))


def find_job(job_or_video_id: UUID) -> Job:
    """A job by its own id or its video's.

    Raises:
        JobNotFound: neither is known.
    """
    either = (Job.id == job_or_video_id) | (Job.video == job_or_video_id)
    job: Job | None = Job.select(Job, Video).join(Video).where(either).first()
    if job is None:
        raise JobNotFound
    return job


def retry(job_or_video_id: UUID, *, actor: str, again: bool = False) -> Job:
    """An operator's second chance: counters reset, due at once, rung by upkeep; audited.

    Args:
        job_or_video_id: which.
        actor: who wants it.
        again: also render what had succeeded (its result was lost). The video keeps its votes and stays public.

    Raises:
        JobNotFound
        JobNotRetryable: it has not ended, it succeeded, or its owner deleted the video.
    """
    job = find_job(job_or_video_id)
    if job.video.deleted_at is not None:
        raise JobNotRetryable(f"The owner of video {job.video_id} deleted it; there is nothing left to render.")
    with transaction():
        again = (
            Job.update(
                _back_in_queue(
                    run_at=db_now(),
                    attempt=0,
                    rescues=0,
                    setbacks=0,
                    timeouts=0,
                    cancel_requested_at=None,
                    error_code=None,
                    error_detail=None,
                    finished_at=None,
                )
            )
            .where(Job.id == job.id, Job.state.in_([*RETRYABLE, JobState.SUCCEEDED] if again else RETRYABLE))
            .execute()
        )
        if not again:
            raise JobNotRetryable(f"Job {job.id} is {job.state}; only a failed or cancelled one can be retried.")
        Video.update(status=VideoStatus.UPLOADED, failure_code=None).where(Video.id == job.video_id).execute()
        record(actor, "jobs.retry", str(job.id), f"was {job.state}: {job.error_code}")
    return find_job(job.id)


def cancel(job_or_video_id: UUID, *, actor: str) -> Job:
    """An operator's stop; the video fails with code `cancelled`. Audited.

    Raises:
        JobNotFound
        JobNotCancellable: it has ended already.
    """
    job = find_job(job_or_video_id)
    with transaction():
        request_cancel(job.video_id)
        now = find_job(job.id)
        if now.state is JobState.CANCELLED and job.state is not JobState.CANCELLED:
            _fail_video(job.video_id, CANCELLED)
        elif now.state is not JobState.RUNNING:
            raise JobNotCancellable(f"Job {job.id} is {now.state}; only a queued or running one can be cancelled.")
        record(actor, "jobs.cancel", str(job.id), f"was {job.state}")
    return find_job(job.id)
