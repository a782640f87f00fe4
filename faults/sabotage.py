"""Start one of the platform's programs without one of its safeguards, to test that the harness detects its absence.

    python -m faults.sabotage NAME api|worker|upkeep ARGUMENTS…

The platform has no setting that disables a safeguard, so this module replaces code in the running process.
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
    """Let a worker commit after it has lost its lease."""
    _replace(leases, "_held", lambda lease: (Job.id == lease.job_id) & (Job.state == JobState.RUNNING))


def switch_the_reaper_off() -> None:
    """Leave the jobs of dead workers in the state `running`."""
    _replace(tasks.upkeep.Upkeep, "_reap", lambda _upkeep: None)


def ring_before_the_commit() -> None:
    """Ring the doorbell before the job is committed, instead of after."""
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
    """Respond to a vote with 200, but insert no row."""
    _replace(voting, "vote", lambda _voter, _video, **_rules: None)


class RungAlready:
    """A doorbell that does not ring, because it already rang before the commit."""

    def __init__(self, bell: Doorbell) -> None:
        self.bell = bell

    def ring(self) -> bool:
        return True


def _replace(owner: object, name: str, broken: object) -> None:
    """Replace an attribute; raise AttributeError if the platform no longer has it."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name}: update faults/sabotage.py")
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
