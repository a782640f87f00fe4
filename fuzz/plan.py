"""How much is tried, and from which seed: little in `make test`, much in `make fuzz SEED=n COUNT=m`."""

import os

LONG = "FUZZ_COUNT" in os.environ
SEED = int(os.environ.get("FUZZ_SEED", "1"))


def how_many(short: int) -> int:
    """The count asked for, or `short` when nobody asked."""
    return int(os.environ.get("FUZZ_COUNT", short))


def seeds(short: int) -> range:
    """The seeds of one run. Runs from neighbouring seeds share none."""
    first = (SEED - 1) * 1_000_000
    return range(first, first + how_many(short))
