"""Seeded random generators, so that a seed reproduces the schedule and the clients' choices."""

import random


def chance_of(*of: object) -> random.Random:
    """Return a random generator seeded with the arguments: equal arguments give equal choices."""
    return random.Random(" ".join(map(str, of)))  # noqa: S311 (not for security)
