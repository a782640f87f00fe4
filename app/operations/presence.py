"""Which workers there are, and whether each is well."""

import time
from dataclasses import dataclass
from importlib.metadata import version

from app.db.database import db_now, read_now
from app.db.models import Worker

FORGOTTEN_SECONDS = 86_400
MAX_CLOCK_ERROR_SECONDS = 300
"""S3 refuses signatures from a clock that is 15 minutes off; a worker says so, and stops, well before."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A worker as the database last heard of it."""

    name: str
    version: str
    silent_seconds: float
    problem: str | None


def report(name: str, problem: str | None) -> None:
    """Say that a worker lives, and what is the matter with it (None: it is well)."""
    now = db_now()
    Worker.insert(name=name, version=version("rising-stars"), started_at=now, seen_at=now, problem=problem).on_conflict(
        conflict_target=[Worker.name], update={Worker.seen_at: now, Worker.problem: problem}
    ).execute()


def leave(name: str) -> None:
    """Say that a worker has left in good order."""
    Worker.delete().where(Worker.name == name).execute()


def list_workers() -> list[Presence]:
    """All workers heard of within a day, by name."""
    now = read_now()
    return [
        Presence(row.name, row.version, max(0.0, now - row.seen_at), row.problem)
        for row in Worker.select().order_by(Worker.name)
    ]


def forget_silent() -> int:
    """Drop the workers nobody has heard of for a day; returns how many."""
    return int(Worker.delete().where(Worker.seen_at < read_now() - FORGOTTEN_SECONDS).execute())


def clock_problem() -> str | None:
    """What is wrong with this machine's clock, measured by the database's; None when it will do."""
    error = time.time() - read_now()
    if abs(error) <= MAX_CLOCK_ERROR_SECONDS:
        return None
    ahead = "fast" if error > 0 else "slow"
    return (
        f"This machine's clock is {abs(error):.0f} s {ahead}; S3 would refuse it. Set it (chrony, systemd-timesyncd)."
    )
