"""A fake exploited FFmpeg or MediaInfo: it attempts an attacker's actions, and reports each result on standard error.

It runs as a separate script: `write_intruder` prepends the targets to this file's text. The result of an attempt is the
name of its error, such as EPERM, or OPEN if it succeeded. Without confinement the script harms only its targets.
"""

import ctypes
import errno
import fcntl
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

TARGETS: dict[str, Any] = globals().get("TARGETS", {})
"""Paths, system call numbers and names of secrets."""

LIBC = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()
SEIZE = 0x4206  # PTRACE_SEIZE: attaches without stopping the process
METADATA_SERVICE = ("169.254.169.254", 80)
OPEN_BY_NO_MODE = os.O_TRUNC | os.O_ACCMODE


def call(name: str, *arguments: int | None) -> int:
    words = [ctypes.c_ulong(word or 0) for word in arguments]
    result: int = LIBC.syscall(ctypes.c_long(TARGETS["calls"][name]), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(1)


def write(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"x")


def own_environment() -> None:
    with_secrets = [name for name in TARGETS["secrets"] if name in os.environ]
    if not with_secrets:
        raise PermissionError(errno.EACCES, "nothing there")


def connect(address: tuple[str, int]) -> None:
    socket.create_connection(address, timeout=2).close()


def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def raise_own_limit() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))
    except ValueError as refusal:  # Python raises this for EPERM
        raise PermissionError(errno.EPERM, "setrlimit") from refusal


def limit_parent() -> None:
    resource.prlimit(PARENT, resource.RLIMIT_CORE, resource.prlimit(PARENT, resource.RLIMIT_CORE))


def outlive_parent() -> None:
    """Stop the kernel from killing this process when the worker exits."""
    if LIBC.prctl(1, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def run_thread() -> None:
    thread = threading.Thread(target=len, args=["thread"])
    thread.start()
    thread.join()


def send_parent_a_pipes_signal() -> None:
    fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, PARENT)


def family(kind: int, how: int = socket.SOCK_STREAM) -> Callable[[], None]:
    return lambda: socket.socket(kind, how).close()


def tries() -> dict[str, Callable[[], object]]:
    """Return an attacker's attempts by name; the confinement must deny all of them."""
    outside, clip, other = TARGETS["outside"], TARGETS["clip"], TARGETS["other_clip"]
    return {
        "own_environment": own_environment,
        "parent_environ": lambda: read(f"/proc/{PARENT}/environ"),
        "parent_mem": lambda: read(f"/proc/{PARENT}/mem"),
        "parent_fds": lambda: os.listdir(f"/proc/{PARENT}/fd"),
        "inet": family(socket.AF_INET),
        "inet6": family(socket.AF_INET6),
        "unix": family(socket.AF_UNIX),
        "netlink": family(socket.AF_NETLINK, socket.SOCK_RAW),
        "packet": family(socket.AF_PACKET, socket.SOCK_RAW),
        "socketpair": socket.socketpair,
        "metadata": lambda: connect(METADATA_SERVICE),
        "passwd": lambda: read("/etc/passwd"),
        "settings": lambda: read(TARGETS["settings"]),
        "other_clip": lambda: read(other),
        "list_clips": lambda: os.listdir(os.path.dirname(other)),
        "write_outside": lambda: write(f"{outside}/new"),
        "write_tmp": lambda: write("/tmp/intruder"),
        "write_other": lambda: write(other),
        "write_clip": lambda: write(clip),
        "mkdir_outside": lambda: os.mkdir(f"{outside}/folder"),
        "chmod_other": lambda: os.chmod(other, 0o600),
        "utime_other": lambda: os.utime(other),
        "truncate": lambda: os.truncate(other, 0),
        "open_truncate": lambda: os.open(clip, os.O_RDONLY | os.O_TRUNC),
        "mode3_truncate": lambda: os.open(other, OPEN_BY_NO_MODE),
        "symlink": lambda: os.symlink("/etc/passwd", "link"),
        "hard_link": lambda: os.link(clip, "hard"),
        "fifo": lambda: os.mkfifo("fifo"),
        "kill": lambda: os.kill(PARENT, 0),
        "fork": fork,
        "setsid": lambda: call("setsid"),
        "outlive_parent": outlive_parent,
        "pipe_signal": send_parent_a_pipes_signal,
        "limit_parent": limit_parent,
        "own_limit": raise_own_limit,
        "ptrace": lambda: call("ptrace", SEIZE, PARENT, 0, 0),
        "vm_readv": lambda: call("process_vm_readv", PARENT, 0, 0, 0, 0, 0),
        "vm_writev": lambda: call("process_vm_writev", PARENT, 0, 0, 0, 0, 0),
        "pidfd_open": lambda: call("pidfd_open", PARENT, 0),
        "pidfd_getfd": lambda: call("pidfd_getfd", 0, 0, 0),
        "io_uring": lambda: call("io_uring_setup", 1, None),
        "userfaultfd": lambda: call("userfaultfd", 1),
        "bpf": lambda: call("bpf", 0, 0, 0),
        "keyctl": lambda: call("keyctl", 0, 0, 0),
        "perf": lambda: call("perf_event_open", 0, 0, 0, 0, 0),
        "unshare": lambda: call("unshare", 0x10000000),
        "mount": lambda: call("mount", None, None, None, 0, None),
        "shmget": lambda: call("shmget", 4711, 4096, 0),
        "unlink_other": lambda: os.unlink(other),
    }


def needs() -> dict[str, Callable[[], object]]:
    """Return, by name, the actions that a parser needs; the confinement must allow all of them."""
    return {
        "thread": run_thread,
        "cores": lambda: os.sched_getaffinity(0),
        "signal_itself": lambda: os.kill(os.getpid(), 0),
        "null": lambda: write("/dev/null"),
        "write_own": lambda: write("own.mp4"),
        "replace_own": lambda: os.replace("own.mp4", "new.mp4"),
        "read_clip": lambda: read(TARGETS["clip"]),
    }


def ending(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "TIMEOUT")
    return "OPEN"


def main() -> None:
    ends = [f"{name}={ending(attempt)}" for name, attempt in {**needs(), **tries()}.items()]
    for start in range(0, len(ends), 6):
        sys.stderr.write(" ".join(ends[start : start + 6]) + "\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
