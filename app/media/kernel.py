"""Linux system calls that Python's standard library lacks. Each raises OSError when the kernel returns an error."""

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_GET_SECCOMP, PR_SET_SECCOMP = 21, 22
PR_SET_NO_NEW_PRIVS = 38

CAP_DAC_READ_SEARCH = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522

Argument = int | ctypes.Array[ctypes.c_uint64] | ctypes.Structure | None
"""A number, or an object that is passed by address."""


def system_call(number: int, *arguments: Argument) -> int:
    """Make a system call for which the C library has no function."""
    return _checked(_libc().syscall(ctypes.c_long(number), *map(_word, arguments)))


def prctl(option: int, *arguments: Argument) -> int:
    """Read or change an attribute of this process.

    Source: prctl(2).
    """
    words = [*map(_word, arguments), *(ctypes.c_ulong(0) for _ in range(4 - len(arguments)))]
    return _checked(_libc().prctl(ctypes.c_int(option), *words))


def keep_capabilities(mask: int) -> None:
    """Drop every capability that is not in `mask` (bits 0 to 31), permanently under no_new_privs.

    Source: capset(2); the three sets of version 3 are effective, permitted and inheritable, 64 bits in two halves.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    _checked(_libc().capget(header, sets))
    kept = sets[1] & mask
    _checked(_libc().capset(header, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)))


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _word(argument: Argument) -> object:
    if argument is None or isinstance(argument, int):
        return ctypes.c_ulong(argument or 0)
    return ctypes.byref(argument)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
