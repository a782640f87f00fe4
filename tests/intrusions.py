"""Puts an exploited program (tests/intruder.py) in the place of FFmpeg or MediaInfo, and reads what it says."""

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
    """What the intruder is after."""

    clip: str
    """Its own: that may be read, and only that."""
    other_clip: str
    """Of another job."""
    settings: str
    outside: str
    """A folder of the same user."""


def write_intruder(program: Path, targets: Targets, *, interpreter: str = sys.executable) -> Path:
    """Write the program, executable, with its targets."""
    told = {**vars(targets), "secrets": SECRETS, "calls": {name: number_of(name, os.uname().machine) for name in CALLS}}
    program.write_text(f"#!{interpreter} -I\nTARGETS = {json.dumps(told)}\n{INTRUDER.read_text()}")
    program.chmod(0o755)
    return program


def endings(said: str) -> dict[str, str]:
    """How each try ended, from whatever text the intruder's words are in."""
    lines = said.replace("\\n", "\n")  # as a log's JSON has them
    return dict(re.findall(r"\b([a-z_0-9]+)=([A-Z]+)\b", lines))


def check_denied(said: str, *, without: frozenset[str] = frozenset()) -> None:
    """Assert that every try was denied and every need met, but for those named."""
    ended = {name: how for name, how in endings(said).items() if name not in without}
    needs = {name: how for name, how in ended.items() if name in NEEDS}
    tries = {name: how for name, how in ended.items() if name not in NEEDS}
    assert needs == {name: "OPEN" for name in NEEDS if name not in without}, said
    assert len(tries) + len(without - set(NEEDS)) == TRIES, said
    assert {name: how for name, how in tries.items() if how not in DENIED} == {}


TRIES = INTRUDER.read_text().split("def tries()")[1].split("def needs()")[0].count('\n        "')
