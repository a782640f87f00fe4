"""Print how much private memory each named module adds to the ones before it, in MiB. Run by benchmarks.memory."""

import importlib
import sys
from pathlib import Path


def private_kib() -> int:
    """Return the memory that only this process has."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private"))


before = private_kib()
for name in sys.argv[1:]:
    importlib.import_module(name)
    after = private_kib()
    print(name, round((after - before) / 1024, 1))
    before = after
