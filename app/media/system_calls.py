"""The numbers, on x86_64 and aarch64, of the system calls that `app.media.seccomp` denies entirely or by argument.

Source: Linux' arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h, as of Linux 6.12.
"""

NEWEST = 462
"""The number of mseal, from Linux 6.10. Newer calls have higher numbers, as have x86_64's x32 calls (from 2^30 on)."""

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The number by which a filter identifies an architecture (AUDIT_ARCH_…), keyed by the machine's name in uname."""

# The formatter would put each call on a line of its own.
# fmt: off
_CALLS: dict[str, tuple[int | None, int | None]] = {
    # Network and local sockets.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "getsockname": (51, 204), "getpeername": (52, 205),
    "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269), "recvfrom": (45, 207), "recvmsg": (47, 212),
    "recvmmsg": (299, 243), "setsockopt": (54, 208), "getsockopt": (55, 209), "shutdown": (48, 210),
    # Access to other processes; creating or detaching processes, which the worker could not kill; changing
    # priorities, including those of other processes.
    "fork": (57, None), "vfork": (58, None), "setsid": (112, 157), "setpgid": (109, 154), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "kcmp": (312, 272), "perf_event_open": (298, 241), "move_pages": (279, 239),
    "migrate_pages": (256, 238), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    # Operations that Landlock does not restrict, or restricts only in later ABIs: modes, owners, times, attributes,
    # links, truncation.
    "truncate": (76, 45), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "link": (86, None), "linkat": (265, 37), "symlink": (88, None),
    "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "inotify_init": (253, None), "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27), "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    # Shared memory, semaphores and message queues, which other processes can open by key or name.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "semtimedop": (220, 192), "semctl": (66, 191), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    # Kernel features that exploits often use and parsers never need.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "userfaultfd": (323, 282), "bpf": (321, 280), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "memfd_secret": (447, 447), "lookup_dcookie": (212, 18), "modify_ldt": (154, None),
    "personality": (135, 92), "uselib": (134, None),
    # Administration of the machine.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "move_mount": (429, 429), "mount_setattr": (442, 442), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "unshare": (272, 97), "setns": (308, 268),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "syslog": (103, 116),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "iopl": (172, None), "ioperm": (173, None),
    "vhangup": (153, 58),
    # Calls that the filter allows or denies depending on the value of an argument (app.media.seccomp).
    "clone": (56, 220), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "prlimit64": (302, 261), "open": (2, None), "openat": (257, 56),
    "prctl": (157, 167), "fcntl": (72, 25), "ioctl": (16, 29),
    # Calls that the filter always rejects with ENOSYS: it cannot read their flags, which are passed in memory.
    "clone3": (435, 435), "openat2": (437, 437),
}
# fmt: on

UNKNOWN = ("clone3", "openat2")
"""Calls that return ENOSYS, as on a kernel that lacks them."""

_BY_ARGUMENT = (
    *("clone", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "prlimit64"),
    *("open", "openat", "prctl", "fcntl", "ioctl"),
)

DENIED = tuple(call for call in _CALLS if call not in {*UNKNOWN, *_BY_ARGUMENT})
"""Calls that are denied whatever their arguments."""


def number_of(call: str, machine: str) -> int | None:
    """Return the call's number; None if the architecture has no such call."""
    return _CALLS[call][list(ARCHITECTURES).index(machine)]
