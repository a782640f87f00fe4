"""The source of all random choices in the harness."""

import random


def chance_of(*of: object) -> random.Random:
    """Return a random generator seeded with the arguments: equal arguments give equal choices."""
    return random.Random(" ".join(map(str, of)))  # noqa: S311 (not for security)
