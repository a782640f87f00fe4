"""How full this machine is."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


def disk_used_percent(folders: Iterable[Path]) -> float:
    """How full the fullest of the file systems is that these folders lie on, as `df` counts it."""
    return max(_used_percent(os.statvfs(folder)) for folder in folders)


def _used_percent(system: os.statvfs_result) -> float:
    used = system.f_blocks - system.f_bfree
    # What is kept for root alone is neither used nor to be had.
    return 100 * used / max(1, used + system.f_bavail)


def memory_used_percent(meminfo: Path = MEMINFO) -> float:
    """What of the memory could not be had without swapping."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB$", meminfo.read_text(), re.MULTILINE))
    return 100 * (1 - int(found["MemAvailable"]) / int(found["MemTotal"]))
