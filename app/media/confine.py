"""The launcher of FFmpeg and MediaInfo: confines itself, then becomes the program.

Run as a script with `app.media.sandbox`'s words, two dashes and the program with its arguments; never imported.
What it cannot do ends it with LAUNCH_FAILED and one sentence: the program never runs less confined than this kernel
allows. Imports little: each start costs a Python's.
"""

import os
import resource
import sys

# Python leaves it out for an isolated script (-I); the standard library comes before it.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120

from app.media.kernel import CAP_DAC_READ_SEARCH, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, keep_capabilities, prctl
from app.media.landlock import DEVICE, FOLDER, READ_FILE, RUN, Grant, existing, landlock_abi, restrict_files
from app.media.seccomp import deny_system_calls, seccomp_is_available

SIGKILL = 9
"""Importing `signal` would double the start's time."""

LAUNCH_FAILED = os.EX_OSERR
"""No exit code of FFmpeg's; `app.media.sandbox` knows it, too."""

RIGHTS = {"run": RUN, "read": READ_FILE, "write": FOLDER, "device": DEVICE}
LIMITS = {"memory": resource.RLIMIT_AS, "file": resource.RLIMIT_FSIZE, "core": resource.RLIMIT_CORE}


def main(words: list[str]) -> None:
    """Confine this process as the words before `--` say, and become the program behind it."""
    end = words.index("--")
    options = [tuple(word.split("=", 1)) for word in words[:end]]
    program = words[end + 1 :]
    if sys.platform == "linux":
        _die_with([int(value) for name, value in options if name == "parent"])
    for name, value in options:
        if name in LIMITS:
            resource.setrlimit(LIMITS[name], (int(value), int(value)))
    if sys.platform == "linux":
        _give_up_rights([(value, RIGHTS[name]) for name, value in options if name in RIGHTS])
    os.execve(program[0], program, {})  # noqa: S606 - no shell, as it should be  # nosec B606


def _die_with(parents: list[int]) -> None:
    """Let the kernel end this process when its parent ends, and end it now when that has happened already."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() not in parents:
        os.kill(os.getpid(), SIGKILL)


def _give_up_rights(grants: list[Grant]) -> None:
    """Privileges, files and system calls, in this order: each step still needs what the next one takes."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() == 0:
        keep_capabilities(CAP_DAC_READ_SEARCH)
    abi = landlock_abi()
    if abi:
        # A system lacks some folders of programs (/lib64), and none of the files a run is about.
        optional = [grant for grant in grants if grant[1] in {RUN, DEVICE}]
        restrict_files(abi, [*existing(optional), *(grant for grant in grants if grant not in optional)])
    if seccomp_is_available():
        deny_system_calls()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"confine: {error}\n")
        sys.exit(LAUNCH_FAILED)
