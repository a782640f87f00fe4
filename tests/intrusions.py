"""Writes the exploited program (tests/intruder.py) that replaces FFmpeg or MediaInfo, and checks its output."""

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from app.media.system_calls import number_of

INTRUDER = Path(__file__).with_name("intruder.py")
SECRETS = ("JWT_SECRET", "DATABASE_URL", "QUEUE_URL", "DOORBELL_SECRET", "AWS_SECRET_ACCESS_KEY")
DENIED = {"EPERM", "EACCES"}
NEEDS = ("thread", "cores", "signal_itself", "null", "write_own", "replace_own", "read_clip")
CALLS = (
    *("setsid", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd", "io_uring_setup"),
    *("userfaultfd", "bpf", "keyctl", "perf_event_open", "unshare", "mount", "shmget"),
)


@dataclass(frozen=True)
class Targets:
    """Files and folders that the intruder tries to access."""

    clip: str
    """The job's own clip, the only file that the intruder may read."""
    other_clip: str
    """A clip of another job."""
    settings: str
    outside: str
    """A folder that belongs to the same user and to no job."""


def write_intruder(program: Path, targets: Targets, *, interpreter: str = sys.executable) -> Path:
    """Write the executable intruder program with its targets."""
    calls = {name: number_of(name, os.uname().machine) for name in CALLS}
    constants = {**vars(targets), "secrets": SECRETS, "calls": calls}
    program.write_text(f"#!{interpreter} -I\nTARGETS = {json.dumps(constants)}\n{INTRUDER.read_text()}")
    program.chmod(0o755)
    return program


def endings(said: str) -> dict[str, str]:
    """Return the result of each attempt by name, from a text that contains the intruder's output."""
    lines = said.replace("\\n", "\n")  # JSON logs escape line breaks
    return dict(re.findall(r"\b([a-z_0-9]+)=([A-Z]+)\b", lines))


def check_denied(said: str, *, without: frozenset[str] = frozenset()) -> None:
    """Assert that every attack was denied and every needed action allowed, except for those in `without`."""
    ended = {name: how for name, how in endings(said).items() if name not in without}
    needs = {name: how for name, how in ended.items() if name in NEEDS}
    tries = {name: how for name, how in ended.items() if name not in NEEDS}
    assert needs == {name: "OPEN" for name in NEEDS if name not in without}, said
    assert len(tries) + len(without - set(NEEDS)) == TRIES, said
    assert {name: how for name, how in tries.items() if how not in DENIED} == {}


TRIES = INTRUDER.read_text().split("def tries()")[1].split("def needs()")[0].count('\n        "')
