"""Run one command and let nothing of it survive: neither its own end, nor the end of whoever started it.

    python -I -S leash.py PARENT_PID GRACE_SECONDS COMMAND…

The command's orphans become children of this process (Linux' subreaper), which ends them all before it ends
itself. It stops when it is asked to (SIGTERM) and when its parent dies of anything, SIGKILL included. Should
it be killed itself, the kernel kills the command.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
WATCHED = {signal.SIGTERM, signal.SIGCHLD}
EXIT_NOT_FOUND = 127

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    """Return the command's exit code (128 + signal when a signal ended it)."""
    parent, grace_seconds, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return 128 + signal.SIGTERM
    try:
        child = subprocess.Popen(command, preexec_fn=_tie_to_parent)  # noqa: PLW1509 - there is one thread only
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        return EXIT_NOT_FOUND
    try:
        return _wait_for(child, grace_seconds)
    finally:
        end_children()


def _wait_for(child: "subprocess.Popen[bytes]", grace_seconds: float) -> int:
    deadline: float | None = None
    while (code := _reap(child)) is None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            child.kill()
            left = None
        caught = signal.sigwait(WATCHED) if left is None else _sigtimedwait(left)
        if caught == signal.SIGTERM and deadline is None:
            child.terminate()
            deadline = time.monotonic() + grace_seconds
    return code if code >= 0 else 128 - code


def _sigtimedwait(seconds: float) -> int | None:
    caught = signal.sigtimedwait(WATCHED, seconds)
    return None if caught is None else caught.si_signo


def _reap(child: "subprocess.Popen[bytes]") -> int | None:
    """Collect every child that has ended, adopted ones too; the command's exit code once it is among them."""
    while child.returncode is None:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return None
        if pid == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode


def end_children() -> None:
    """Kill and reap until nothing is left; what they leave behind is adopted and comes next."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    own = str(os.getpid())
    return [pid for pid, parent in _processes() if parent == own]


def _processes() -> list[tuple[int, str]]:
    """Every process's id and its parent's. The name, in parentheses, may hold anything."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            found.append((int(entry.name), stat.rpartition(")")[2].split()[1]))
    return found


def _tie_to_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
