"""The launcher of FFmpeg and MediaInfo: it confines its own process, then executes the program.

`app.media.sandbox` builds the launcher's command line: options, `--`, the program and its arguments. The launcher runs
as a script and is never imported. When a step fails, the launcher prints one sentence and exits with LAUNCH_FAILED, so
that the program never runs less confined than this kernel allows. The launcher imports few modules, because its
start-up time delays every program.
"""

import os
import resource
import sys

# With Python's option -I, sys.path lacks the project's directory. Append it, after the standard library's directories.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120

from app.media.kernel import CAP_DAC_READ_SEARCH, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, keep_capabilities, prctl
from app.media.landlock import DEVICE, FOLDER, READ_FILE, RUN, Grant, existing, landlock_abi, restrict_files
from app.media.seccomp import deny_system_calls, seccomp_is_available

SIGKILL = 9
"""The signal's number. Importing `signal` to get it would double the start-up time."""

LAUNCH_FAILED = os.EX_OSERR
"""An exit code that FFmpeg does not use; the same as in `app.media.sandbox`."""

RIGHTS = {"run": RUN, "read": READ_FILE, "write": FOLDER, "device": DEVICE}
LIMITS = {"memory": resource.RLIMIT_AS, "file": resource.RLIMIT_FSIZE, "core": resource.RLIMIT_CORE}


def main(words: list[str]) -> None:
    """Confine this process according to the options before `--`, then execute the program after it."""
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
    os.execve(program[0], program, {})  # noqa: S606 - without a shell, on purpose  # nosec B606


def _die_with(parents: list[int]) -> None:
    """Have the kernel kill this process when its parent exits. Kill it now if the parent has exited already."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() not in parents:
        os.kill(os.getpid(), SIGKILL)


def _give_up_rights(grants: list[Grant]) -> None:
    """Drop privileges, then file access, then system calls. Each step needs rights that a later step removes."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() == 0:
        keep_capabilities(CAP_DAC_READ_SEARCH)
    abi = landlock_abi()
    if abi:
        # Some program directories, for example /lib64, do not exist on every system, so missing ones are skipped. The
        # paths of all other grants must exist.
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
