"""Run a command, and leave none of its processes behind when the command or this program's parent exits.

    python -I -S leash.py PARENT_PID GRACE_SECONDS COMMAND…

This program is a subreaper: it becomes the parent of the command's orphans and kills them before it exits. It stops the
command when it receives SIGTERM, and when its own parent exits for any reason, including SIGKILL. If this program is
itself killed, the kernel kills the command.
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
    """Run the command and return its exit code (128 + the signal's number if a signal ended the command)."""
    parent, grace_seconds, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return 128 + signal.SIGTERM
    try:
        child = subprocess.Popen(command, preexec_fn=_tie_to_parent)  # noqa: PLW1509 - this process has one thread
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
    """Reap all exited children, including orphans. Return the command's exit code, or None while it is running."""
    while child.returncode is None:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return None
        if pid == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode


def end_children() -> None:
    """Kill and reap children until none remains. A killed child's own children become children of this process."""
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
    """Return the ID of each process with the ID of its parent.

    In /proc/PID/stat, the parent's ID follows the program's name. The name is in parentheses, and may itself contain
    parentheses.
    """
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
