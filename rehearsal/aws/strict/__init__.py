"""Strict mock AWS: the delays and refusals that AWS documents, and that moto and its patches lack.

`late` hides new resources for a while, `slow` makes resources pass through their states, and `refusals` rejects
parameters that AWS rejects. A seed determines all delays, which are counted in the operator's calls and not in seconds.
"""

import importlib
import pkgutil

from rehearsal.aws.strict import hooks


def load() -> None:
    """Import every module of this folder, so that its rules are registered."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)


def apply(seed: int) -> None:
    """Apply the rules of every module in this folder; `seed` determines the delays."""
    load()
    hooks.DICE.seed(seed)
    hooks.install()
