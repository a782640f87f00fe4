"""The sandbox for FFmpeg and MediaInfo, which parse untrusted files. `confine.py` enforces it.

The programs get an empty environment and may read only their own files, the system's libraries and the files of the
run. They cannot open sockets, start processes or inspect other processes. docs/security.md explains what each part
prevents.
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
"""The launcher's exit code when it cannot confine or start the program. The cause is on standard error."""

ENVIRONMENT: dict[str, str] = {}
"""The environment of the launcher and the program: empty, because the worker's contains the site's secrets."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
_PYTHON = tuple(
    str(Path(prefix, part))
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix))
    for part in ("bin", "lib", "lib64", "pyvenv.cfg")
)
"""The files of the Python installation that runs MediaInfo. They do not include the whole prefix, because it could be a
user's home directory, which the programs must not read."""

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Limits:
    """The resource limits of a confined program."""

    memory_bytes: int
    """The limit on the address space."""
    file_bytes: int
    """The limit on the size of each file that the program writes."""


def confined(
    command: Sequence[str], limits: Limits, *, readable: Sequence[Path] = (), writable: Path | None = None
) -> list[str]:
    """Return the command line that starts `command` in the sandbox, to be run with `ENVIRONMENT`.

    This process must run the command line itself, because the launcher kills itself if its parent is another process.

    Args:
        command: the program's absolute path and its arguments.
        limits: the resource limits, enforced by the kernel.
        readable: files that the program may read; they must exist.
        writable: a directory in which the program may create, change and delete regular files; None forbids writing.
    """
    words = [
        f"parent={os.getpid()}",
        f"memory={limits.memory_bytes}",
        f"file={limits.file_bytes}",
        "core=0",
        *(f"run={path}" for path in (*_SYSTEM, *_PYTHON, *_files_of(Path(command[0])))),
        *(f"device={path}" for path in _DEVICES),
        *(f"read={path}" for path in readable),
        *([] if writable is None else [f"write={writable}"]),
    ]
    return [*LAUNCHER, *words, "--", *command]


def _files_of(program: Path) -> list[Path]:
    """Return the program's file and, for a program in bin/, the lib/ directory next to bin/, for its libraries."""
    return [program, *([program.parent.with_name("lib")] if program.parent.name == "bin" else [])]


def sandbox_gaps() -> list[str]:
    """Return what the sandbox lacks on this machine, as sentences for the operator; empty when it is complete."""
    gaps = []
    if landlock_abi() == 0:
        gaps.append(
            "Landlock is not available here: an exploited FFmpeg or MediaInfo could read and write every file that "
            "this user can, and the secrets in the environment of this user's processes."
        )
    if not seccomp_is_available():
        gaps.append(
            "System call filters (seccomp) are not available here: an exploited FFmpeg or MediaInfo could open "
            "connections, including to 169.254.169.254."
        )
    return gaps
