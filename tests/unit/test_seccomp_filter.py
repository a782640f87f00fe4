"""The seccomp filter decides as documented on both architectures; a small BPF interpreter runs it."""

import errno
import os
import struct

import pytest

from app.media.seccomp import filter_program
from app.media.system_calls import ARCHITECTURES, DENIED, number_of

PID = 4711
ALLOWED = "allowed"
THREAD = 0x3D0F00
"""glibc's flags for a new thread."""

FFMPEG_NEEDS = {
    "x86_64": {
        "read": 0,
        "mmap": 9,
        "futex": 202,
        "sched_getaffinity": 204,
        "getrandom": 318,
        "execve": 59,
        "rename": 82,
    },
    "aarch64": {"read": 63, "mmap": 222, "futex": 98, "sched_getaffinity": 123, "getrandom": 278, "execve": 221},
}
KNOWN = {
    "x86_64": {"socket": 41, "connect": 42, "ptrace": 101, "truncate": 76, "bpf": 321, "process_vm_readv": 310},
    "aarch64": {"socket": 198, "connect": 203, "ptrace": 117, "truncate": 45, "bpf": 280, "process_vm_readv": 270},
}
"""System calls and their numbers, copied from the kernel's tables."""

machines = pytest.mark.parametrize("machine", sorted(ARCHITECTURES))


def verdict(machine: str, call: str | int, *arguments: int, architecture: int | None = None) -> str:
    """Return the kernel's decision: `allowed`, or the name of an error."""
    number = number_of(call, machine) if isinstance(call, str) else call
    assert number is not None, f"{machine} has no {call}"
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<II8x6Q", number, architecture or ARCHITECTURES[machine], *words)
    returned = _run(filter_program(machine, own_pid=PID), data)
    return ALLOWED if returned == 0x7FFF0000 else errno.errorcode[returned & 0xFFFF]


def _run(program: bytes, data: bytes) -> int:
    """Interpret classic BPF as seccomp does, limited to the instructions that the filter uses."""
    accumulator, at = 0, 0
    steps = list(struct.iter_unpack("=HBBI", program))
    while True:
        code, if_true, if_false, word = steps[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, word)
        elif code == 0x54:
            accumulator &= word
        elif code == 0x15:
            at += if_true if accumulator == word else if_false
        elif code == 0x25:
            at += if_true if accumulator > word else if_false
        else:
            assert code == 0x06
            return int(word)


@machines
def test_system_calls_that_a_parser_does_not_need_are_denied(machine: str) -> None:
    numbers = {call: number for call in DENIED if (number := number_of(call, machine)) is not None}
    assert {call: verdict(machine, number) for call, number in numbers.items()} == dict.fromkeys(numbers, "EPERM")
    assert {call: numbers[call] for call in KNOWN[machine]} == KNOWN[machine]
    assert len(set(numbers.values())) == len(numbers)


@machines
def test_system_calls_that_ffmpeg_needs_are_allowed(machine: str) -> None:
    needs = FFMPEG_NEEDS[machine]
    assert {call: verdict(machine, number) for call, number in needs.items()} == dict.fromkeys(needs, ALLOWED)
    assert verdict(machine, "clone", THREAD) == ALLOWED


@machines
def test_unknown_system_calls_and_other_abis_are_refused(machine: str) -> None:
    for number in (463, 600, 0x40000000 + 41):
        assert verdict(machine, number) == "ENOSYS"
    assert (verdict(machine, "clone3"), verdict(machine, "openat2")) == ("ENOSYS", "ENOSYS")
    i386 = 0x40000003
    assert verdict(machine, 0, architecture=i386) == "EPERM"


@machines
def test_clone_creates_threads_but_neither_processes_nor_namespaces(machine: str) -> None:
    sigchld, new_user_namespace = 17, 0x10000000
    assert verdict(machine, "clone", sigchld) == "EPERM"
    assert verdict(machine, "clone", THREAD | new_user_namespace) == "EPERM"


@machines
@pytest.mark.parametrize("call", ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"])
def test_a_program_signals_only_itself(machine: str, call: str) -> None:
    assert verdict(machine, call, PID) == ALLOWED
    assert [verdict(machine, call, other) for other in (1, PID + 1, 0, 2**32 - 1)] == ["EPERM"] * 4


@machines
def test_a_program_limits_only_itself(machine: str) -> None:
    assert (verdict(machine, "prlimit64", 0), verdict(machine, "prlimit64", PID)) == (ALLOWED, ALLOWED)
    assert verdict(machine, "prlimit64", 1) == "EPERM"


@machines
def test_only_a_file_opened_for_writing_is_truncated(machine: str) -> None:
    """Landlock restricts writing, but its first two versions do not restrict truncation."""
    writes = (os.O_WRONLY | os.O_TRUNC | os.O_CREAT, os.O_RDWR | os.O_TRUNC, os.O_RDONLY, os.O_WRONLY)
    assert [verdict(machine, "openat", 0, 0, flags) for flags in writes] == [ALLOWED] * 4
    for mode in (os.O_RDONLY, os.O_ACCMODE):
        assert verdict(machine, "openat", 0, 0, mode | os.O_TRUNC | os.O_CLOEXEC) == "EPERM"


@machines
def test_a_program_can_neither_outlive_its_parent_nor_type_into_a_terminal(machine: str) -> None:
    pr_set_pdeathsig, pr_set_name, f_setown, f_getfl, tiocsti, fionread = 1, 15, 8, 3, 0x5412, 0x541B
    assert (verdict(machine, "prctl", pr_set_pdeathsig), verdict(machine, "prctl", pr_set_name)) == ("EPERM", ALLOWED)
    assert (verdict(machine, "fcntl", 0, f_setown), verdict(machine, "fcntl", 0, f_getfl)) == ("EPERM", ALLOWED)
    assert (verdict(machine, "ioctl", 0, tiocsti), verdict(machine, "ioctl", 0, fionread)) == ("EPERM", ALLOWED)
