"""`python -m benchmarks [NAME …]`: run the named benchmarks, or all of `ALL`."""

import os
import sys

from benchmarks import boot, capacity, latency, memory, reads, render, signins, site, upload, writes
from benchmarks.plan import write_tables

BUSY_LOAD = 0.5
"""The mean number of running processes in the last minute, above which a machine is busy."""

ALL = {
    "render": render.main,
    "upload": upload.main,
    "latency": latency.main,
    "reads": reads.main,
    "writes": writes.main,
    "signins": signins.main,
    "memory": memory.main,
    "capacity": capacity.main,
    "boot": boot.main,
    "site": site.main,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks; all if none is named. Write the tables that follow from the results."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.stderr.write(f"Benchmark {unknown[0]!r} does not exist; choose from {', '.join(ALL)}.\n")
        return 2
    _warn_if_busy()
    for name in names or ALL:
        ALL[name]()
    write_tables()
    return 0


def _warn_if_busy() -> None:
    """Warn if other programs use the processor: their share changes every latency and throughput."""
    load, _, _ = os.getloadavg()
    if load > BUSY_LOAD:
        sys.stderr.write(f"This machine is busy (load {load:.1f}), so repeat the measurement when it is not.\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
