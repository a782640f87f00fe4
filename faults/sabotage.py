"""Starts one of the platform's programs with one safety taken out, to see whether the harness notices.

    python -m faults.sabotage NAME api|worker|upkeep ARGUMENTS…

The platform has no switch for this: its code is replaced in the process that starts it.
"""

import sys
from collections.abc import Callable
from typing import Any

import app.wsgi
import tasks.upkeep
import tasks.worker
from app.db.models import Job, JobState
from app.showcase import voting
from app.showcase.ledger import leases
from app.showcase.uploads import Doorbell, Uploads
from faults.shim import install_shim

PROGRAMS = {"api": app.wsgi.main, "worker": tasks.worker.main, "upkeep": tasks.upkeep.main}


def ignore_the_fencing_token() -> None:
    """Whoever ever had the lease may go on and commit."""
    _replace(leases, "_held", lambda lease: (Job.id == lease.job_id) & (Job.state == JobState.RUNNING))


def switch_the_reaper_off() -> None:
    """Nobody rescues the jobs of dead workers."""
    _replace(tasks.upkeep.Upkeep, "_reap", lambda _upkeep: None)


def ring_before_the_commit() -> None:
    """The worker is rung for a job that it cannot see yet, and not again."""
    note = Uploads._note
    begin = Uploads.__init__

    def begin_with_deaf_bell(uploads: Uploads, store: Any, doorbell: Doorbell, settings: Any) -> None:
        begin(uploads, store, RungAlready(doorbell), settings)

    def ring_and_note(uploads: Any, *details: Any) -> None:
        uploads._doorbell.bell.ring()
        note(uploads, *details)

    _replace(Uploads, "__init__", begin_with_deaf_bell)
    _replace(Uploads, "_note", ring_and_note)


def forget_the_vote() -> None:
    """A vote is answered 200, and no row is kept."""
    _replace(voting, "vote", lambda _voter, _video, **_rules: None)


class RungAlready:
    """What rings after the commit, when the bell has rung before it."""

    def __init__(self, bell: Doorbell) -> None:
        self.bell = bell

    def ring(self) -> bool:
        return True


def _replace(owner: object, name: str, broken: object) -> None:
    """Fails when the platform has no such part any more: the sabotage would break nothing."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name}; bring faults/sabotage.py up to date")
    setattr(owner, name, broken)


SABOTAGES: dict[str, Callable[[], None]] = {
    act.__name__: act
    for act in (ignore_the_fencing_token, switch_the_reaper_off, ring_before_the_commit, forget_the_vote)
}

if __name__ == "__main__":
    _, sabotage, program, *arguments = sys.argv
    SABOTAGES[sabotage]()
    install_shim()
    sys.argv = [program, *arguments]
    PROGRAMS[program]()
