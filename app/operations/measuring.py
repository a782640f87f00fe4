"""Measurements of a site for its metrics. All come from the database, so any number of processes may send them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from peewee import fn

from app.db.database import read_now
from app.db.models import Job, JobState
from app.operations.presence import list_workers

REPORTED_WITHIN_SECONDS = 60.0
FAILED_WITHIN_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """A summary of the job ledger."""

    by_state: dict[str, int]
    due: int
    oldest_due_seconds: float
    """How long the oldest due job has waited; 0 when no job is due."""


def measure_backlog() -> Backlog:
    """Return a summary of the job ledger."""
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


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures that upkeep sends as metrics. Times are in seconds."""

    measured_at: float
    """The time of the measurement by the database's clock, in epoch seconds."""
    queue_age: float
    """How long the oldest due job has waited."""
    backlog_per_worker: float
    """Due and running jobs, divided by the number of workers that reported within a minute (at least one)."""
    failed_jobs: int
    """Jobs that failed within the last 15 minutes."""
    healthy_workers: int
    """Workers that reported within a minute and have no problem."""
    renders: list[float]
    """The time from claim to commit of each render that succeeded since the last measurement."""


def measure(since: float | None) -> Figures:
    """Measure the site. `since` is the time of the last measurement; None if this is the first."""
    now, backlog = read_now(), measure_backlog()
    reporting = [worker for worker in list_workers() if worker.silent_seconds < REPORTED_WITHIN_SECONDS]
    unfinished = backlog.due + backlog.by_state[JobState.RUNNING.value]
    recently_failed = (Job.state == JobState.FAILED) & (Job.finished_at > now - FAILED_WITHIN_SECONDS)
    return Figures(
        measured_at=now,
        queue_age=backlog.oldest_due_seconds,
        backlog_per_worker=unfinished / max(1, len(reporting)),
        failed_jobs=Job.select().where(recently_failed).count(),
        healthy_workers=sum(worker.problem is None for worker in reporting),
        renders=[] if since is None else _renders(since, now),
    )


def _renders(since: float, until: float) -> list[float]:
    ended = Job.select(Job.finished_at - Job.started_at).where(
        Job.state == JobState.SUCCEEDED, Job.finished_at > since, Job.finished_at <= until
    )
    return [seconds for (seconds,) in cast("Iterable[tuple[float]]", ended.tuples())]
