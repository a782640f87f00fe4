"""The source of all random choices of the harness."""

import random


def chance_of(*of: object) -> random.Random:
    """Return a random generator that is seeded by the arguments: the same ones give the same choices."""
    return random.Random(" ".join(map(str, of)))  # noqa: S311 (not for security)
