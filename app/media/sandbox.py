"""How programs that parse untrusted files are started: confined by `confine.py`, the same everywhere.

They get an empty environment and see no file but themselves, the system's libraries and what a run names. They cannot
open a socket, start a process or look into one. docs/security.md says what each part keeps off.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.media.landlock import landlock_abi
from app.media.seccomp import seccomp_is_available

LAUNCHER: tuple[str, ...] = (sys.executable, "-I", "-S", str(Path(__file__).with_name("confine.py")))
LAUNCH_FAILED = os.EX_OSERR
"""The launcher's exit code when it could not confine or start the program; its sentence is on standard error."""

ENVIRONMENT: dict[str, str] = {}
"""Of the launcher and the program: nothing of the worker's, where the site's secrets are."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
_PYTHON = tuple(
    str(Path(prefix, part))
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix))
    for part in ("bin", "lib", "lib64", "pyvenv.cfg")
)
"""Of MediaInfo's interpreter. Its prefix as a whole may be somebody's home."""

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one confined program may take."""

    memory_bytes: int
    """Address space; beyond it allocations fail."""
    file_bytes: int
    """Of each file that it writes."""


def confined(
    command: Sequence[str], limits: Limits, *, readable: Sequence[Path] = (), writable: Path | None = None
) -> list[str]:
    """The command line that starts `command` confined. To be run with `ENVIRONMENT`, from this process.

    Args:
        command: the program's absolute path and its arguments.
        limits: enforced by the kernel.
        readable: files; they must exist.
        writable: a folder in which the program may make, change and remove plain files. None: it writes nowhere.
    """
    words = [
        f"parent={os.getpid()}",
        f"memory={limits.memory_bytes}",
        f"file={limits.file_bytes}",
        "core=0",
        *(f"run={path}" for path in (*_SYSTEM, *_PYTHON, *_parts_of(Path(command[0])))),
        *(f"device={path}" for path in _DEVICES),
        *(f"read={path}" for path in readable),
        *([] if writable is None else [f"write={writable}"]),
    ]
    return [*LAUNCHER, *words, "--", *command]


def _parts_of(program: Path) -> list[Path]:
    """The program itself, and its own libraries where it came with some: bin/ffmpeg beside lib/."""
    return [program, *([program.parent.with_name("lib")] if program.parent.name == "bin" else [])]


def sandbox_gaps() -> list[str]:
    """What this machine cannot deny FFmpeg and MediaInfo, in sentences for the operator; none where all is well."""
    gaps = []
    if landlock_abi() == 0:
        gaps.append(
            "There is no Landlock here: an exploited FFmpeg or MediaInfo could read and write every file that this "
            "user can, and the secrets in the environment of this user's processes."
        )
    if not seccomp_is_available():
        gaps.append(
            "There is no filter of system calls here: an exploited FFmpeg or MediaInfo could open connections, "
            "to 169.254.169.254 as well."
        )
    return gaps
