"""Landlock: a process permanently restricts access to files for itself and for every program that it executes.

Available since Linux 5.13 (ABI 1); Debian 12's kernel has ABI 2.
Source: https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import errno
import os
import stat
import sys

from app.media.kernel import system_call

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FILE, MAKE_REG, TRUNCATE = 1 << 5, 1 << 8, 1 << 14

RUN = READ_FILE | READ_DIR | EXECUTE
DEVICE = READ_FILE | WRITE_FILE
FOLDER = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | REMOVE_FILE | MAKE_REG
"""Only regular files may be created. If FFmpeg created a symbolic link, the worker would publish the link's target. If
FFmpeg created a named pipe, the worker would block on it."""

Grant = tuple[str, int]
"""A file or directory, and the allowed operations on it and below it."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_UNAVAILABLE = {errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
"""The errors if the kernel lacks Landlock, if Landlock was not enabled at boot, or if the system call filter of a
container or systemd unit denies it."""

_RIGHTS_OF_ABI = (0, 13, 14, 15, 15, 16)
"""The number of file rights that each ABI has. Later ABIs are treated like the last one listed."""

_RIGHTS_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
_TCP = 0b11
"""The rights to bind and connect TCP sockets, which ABI 4 added."""

_SCOPES = 0b11
"""The scopes that ABI 6 added. They deny signals to processes outside the sandbox, and access to their abstract Unix
sockets."""


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_abi() -> int:
    """Return the available version of Landlock's interface; 0 for none."""
    if sys.platform != "linux":
        return 0
    try:
        return system_call(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError as error:
        if error.errno in _UNAVAILABLE:
            return 0
        raise


def restrict_files(abi: int, grants: list[Grant]) -> None:
    """Restrict this process to `grants`. The process must have set no_new_privs.

    Raises:
        OSError: a path is missing, or the kernel returns an error.
    """
    rights = (1 << _RIGHTS_OF_ABI[min(abi, len(_RIGHTS_OF_ABI) - 1)]) - 1
    ruleset = _create_ruleset(abi, rights)
    for path, allowed in grants:
        _allow(ruleset, path, allowed & rights)
    system_call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def existing(grants: list[Grant]) -> list[Grant]:
    """Return the grants whose path exists on this machine."""
    return [(path, allowed) for path, allowed in grants if os.path.exists(path)]  # noqa: PTH110 - pathlib costs 5 ms


def _create_ruleset(abi: int, rights: int) -> int:
    """Create a ruleset that denies these rights unless a rule grants them. The structure's size depends on the ABI."""
    size = 8 if abi < 4 else 16 if abi < 6 else 24  # noqa: PLR2004
    return system_call(_CREATE_RULESET, (ctypes.c_uint64 * 3)(rights, _TCP, _SCOPES), size, 0)


def _allow(ruleset: int, path: str, allowed: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            allowed &= _RIGHTS_OF_FILES
        system_call(_ADD_RULE, ruleset, _PATH_BENEATH, _PathBeneath(allowed, beneath), 0)
    finally:
        os.close(beneath)
