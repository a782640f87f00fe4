"""Disk and memory usage of this machine."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


def disk_used_percent(folders: Iterable[Path]) -> float:
    """Return the usage, in percent as in `df`, of the fullest file system that contains one of the folders."""
    return max(_used_percent(os.statvfs(folder)) for folder in folders)


def _used_percent(system: os.statvfs_result) -> float:
    used = system.f_blocks - system.f_bfree
    # Blocks reserved for root count neither as used nor as available.
    return 100 * used / max(1, used + system.f_bavail)


def memory_used_percent(meminfo: Path = MEMINFO) -> float:
    """Return the percentage of memory that new programs cannot use without swapping."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB$", meminfo.read_text(), re.MULTILINE))
    return 100 * (1 - int(found["MemAvailable"]) / int(found["MemTotal"]))
