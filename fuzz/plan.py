"""The seed and the number of cases of a fuzzing run: few in `make test`, many in `make fuzz SEED=n COUNT=m`."""

import os

LONG = "FUZZ_COUNT" in os.environ
SEED = int(os.environ.get("FUZZ_SEED", "1"))


def how_many(short: int) -> int:
    """Return FUZZ_COUNT, or `short` if that is not set."""
    return int(os.environ.get("FUZZ_COUNT", short))


def seeds(short: int) -> range:
    """Return the seeds of one run. Runs with different values of FUZZ_SEED have no seed in common."""
    first = (SEED - 1) * 1_000_000
    return range(first, first + how_many(short))
