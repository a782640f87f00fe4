"""Where every random choice of the harness comes from."""

import random


def chance_of(*of: object) -> random.Random:
    """The same words give the same choices."""
    return random.Random(" ".join(map(str, of)))  # noqa: S311 (plays, guards nothing)
