"""A seccomp filter for FFmpeg and MediaInfo. Once installed, it can be neither removed nor bypassed.

The calls that FFmpeg needs differ between versions 5.1 and 9 and between glibc and static builds. If the filter denied
a call that a decoder needs, the clip would look damaged. So the filter lists denied calls instead of allowed ones.

The filter rejects calls newer than the list with ENOSYS, so that C libraries fall back to older calls. It rejects
denied calls, and calls made with another architecture's numbers, with EPERM; the program then continues.
Source: https://docs.kernel.org/userspace-api/seccomp_filter.html.
"""

import ctypes
import errno
import os
import struct
import sys

from app.media.kernel import PR_GET_SECCOMP, PR_SET_PDEATHSIG, PR_SET_SECCOMP, prctl
from app.media.system_calls import ARCHITECTURES, DENIED, NEWEST, UNKNOWN, number_of

_MODE_FILTER = 2
_LOAD, _AND, _IF_EQUAL, _IF_ABOVE, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_ALLOW = 0x7FFF0000
_DENY = 0x00050000 | errno.EPERM
_MISSING = 0x00050000 | errno.ENOSYS

_ALL_BITS = 0xFFFFFFFF
_NEW_NAMESPACES, _THREAD = 0x7E020000, 0x00010000
_SIGNAL_OTHERS = (8, 10, 15)
"""fcntl's F_SETOWN, F_SETSIG and F_SETOWN_EX, with which a pipe can signal any process of the same user."""

_TYPE_FOR_OTHERS = (0x5412, 0x541C)
"""ioctl's TIOCSTI and TIOCLINUX, which insert input into a terminal."""


_Condition = tuple[str, int, int, tuple[int, ...], bool]
"""A call, the index of the deciding argument, a mask for its bits, values, and whether these values are allowed."""


def _conditions(own_pid: int) -> list[_Condition]:
    """Return the conditions on calls' arguments: a program may start threads but no processes, for example."""
    signals = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
    truncating = os.O_TRUNC | os.O_ACCMODE
    # Before ABI 3, Landlock does not check O_TRUNC. It checks an open with O_RDONLY | O_TRUNC only for read access, and
    # one with O_ACCMODE | O_TRUNC for no access at all. Both could truncate a file, so the filter denies both.
    unwritten = (os.O_TRUNC | os.O_RDONLY, os.O_TRUNC | os.O_ACCMODE)
    return [
        ("clone", 0, _NEW_NAMESPACES | _THREAD, (_THREAD,), True),
        *((call, 0, _ALL_BITS, (own_pid,), True) for call in signals),
        ("prlimit64", 0, _ALL_BITS, (0, own_pid), True),
        ("open", 1, truncating, unwritten, False),
        ("openat", 2, truncating, unwritten, False),
        ("prctl", 0, _ALL_BITS, (PR_SET_PDEATHSIG,), False),
        ("fcntl", 1, _ALL_BITS, _SIGNAL_OTHERS, False),
        ("ioctl", 1, _ALL_BITS, _TYPE_FOR_OTHERS, False),
    ]


def seccomp_is_available() -> bool:
    """Whether this kernel supports seccomp, and the call numbers of this architecture are known."""
    if sys.platform != "linux" or sys.maxsize < 1 << 32 or os.uname().machine not in ARCHITECTURES:
        return False
    try:
        prctl(PR_GET_SECCOMP)
    except OSError:
        return False
    return True


def deny_system_calls() -> None:
    """Install the filter for this process and the program that it executes. The process must have set no_new_privs."""
    program = filter_program(os.uname().machine, own_pid=os.getpid())
    instructions = ctypes.create_string_buffer(program, len(program))
    prctl(PR_SET_SECCOMP, _MODE_FILTER, _Program(len(program) // 8, ctypes.addressof(instructions)))


def filter_program(machine: str, *, own_pid: int) -> bytes:
    """Return the filter in the kernel's format: eight bytes per instruction."""
    steps = [
        *_instruction(_LOAD, _ARCHITECTURE_AT),
        *_unless_equal(ARCHITECTURES[machine], _DENY),
        *_instruction(_LOAD, _NUMBER_AT),
        *_instruction(_IF_ABOVE, NEWEST, 0, 1),
        *_instruction(_RETURN, _MISSING),
    ]
    steps += [step for call in UNKNOWN for step in _if_equal(number_of(call, machine), _MISSING)]
    steps += [step for call in DENIED for step in _if_equal(number_of(call, machine), _DENY)]
    steps += [step for condition in _conditions(own_pid) for step in _decide(condition, machine)]
    return b"".join([*steps, *_instruction(_RETURN, _ALLOW)])


def _decide(condition: _Condition, machine: str) -> list[bytes]:
    call, argument, mask, values, listed_are_allowed = condition
    number = number_of(call, machine)
    if number is None:
        return []
    listed, others = (_ALLOW, _DENY) if listed_are_allowed else (_DENY, _ALLOW)
    body = [
        # Load only the lower half of the argument, which comes first, because both architectures are little-endian. The
        # kernel ignores the upper half of these arguments.
        *_instruction(_LOAD, _ARGUMENTS_AT + 8 * argument),
        *_instruction(_AND, mask),
        *(step for value in values for step in _if_equal(value, listed)),
        *_instruction(_RETURN, others),
    ]
    return [*_instruction(_IF_EQUAL, number, 0, len(body)), *body]


def _if_equal(value: int | None, verdict: int) -> list[bytes]:
    """Return the instructions that return `verdict` if the loaded word is `value`; none if `value` is None."""
    return [] if value is None else [*_instruction(_IF_EQUAL, value, 0, 1), *_instruction(_RETURN, verdict)]


def _unless_equal(value: int, verdict: int) -> list[bytes]:
    return [*_instruction(_IF_EQUAL, value, 1, 0), *_instruction(_RETURN, verdict)]


def _instruction(code: int, word: int, if_true: int = 0, if_false: int = 0) -> list[bytes]:
    return [struct.pack("=HBBI", code, if_true, if_false, word)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))
