"""The presence of workers: which ones are running, and whether each is healthy."""

import time
from dataclasses import dataclass
from importlib.metadata import version

from app.db.database import db_now, read_now
from app.db.models import Worker

FORGOTTEN_SECONDS = 86_400
MAX_CLOCK_ERROR_SECONDS = 300
"""A worker whose clock is off by more than this claims no job. S3 rejects requests from clocks off by 15 minutes."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A worker as of its last report to the database, `silent_seconds` ago."""

    name: str
    version: str
    silent_seconds: float
    problem: str | None


def report(name: str, problem: str | None) -> None:
    """Record that a worker is running, and its problem (None when it is healthy)."""
    now = db_now()
    Worker.insert(name=name, version=version("rising-stars"), started_at=now, seen_at=now, problem=problem).on_conflict(
        conflict_target=[Worker.name], update={Worker.seen_at: now, Worker.problem: problem}
    ).execute()


def leave(name: str) -> None:
    """Delete the record of a worker that shuts down gracefully."""
    Worker.delete().where(Worker.name == name).execute()


def list_workers() -> list[Presence]:
    """Return the recorded workers, sorted by name. Upkeep deletes those that have not reported for a day."""
    now = read_now()
    return [
        Presence(row.name, row.version, max(0.0, now - row.seen_at), row.problem)
        for row in Worker.select().order_by(Worker.name)
    ]


def forget_silent() -> int:
    """Delete the records of workers that have not reported for a day. Return the number of deleted records."""
    return int(Worker.delete().where(Worker.seen_at < read_now() - FORGOTTEN_SECONDS).execute())


def clock_problem() -> str | None:
    """Return what is wrong with this machine's clock, compared with the database's; None when it is accurate enough."""
    error = time.time() - read_now()
    if abs(error) <= MAX_CLOCK_ERROR_SECONDS:
        return None
    ahead = "fast" if error > 0 else "slow"
    return (
        f"This machine's clock is {abs(error):.0f} s {ahead}; S3 would reject it. Set it (chrony, systemd-timesyncd)."
    )
