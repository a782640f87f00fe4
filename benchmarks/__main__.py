"""`python -m benchmarks [render|upload|latency|reads|writes|boot|site]`: run the named benchmarks, or all."""

import sys

from benchmarks import boot, latency, memory, reads, render, signins, site, upload, writes

ALL = {
    "render": render.main,
    "upload": upload.main,
    "latency": latency.main,
    "reads": reads.main,
    "writes": writes.main,
    "signins": signins.main,
    "memory": memory.main,
    "boot": boot.main,
    "site": site.main,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks; all if none is named."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.stderr.write(f"Benchmark {unknown[0]!r} does not exist; choose from {', '.join(ALL)}.\n")
        return 2
    for name in names or ALL:
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
