"""What moto lacks, put right: one module per service, one function per behaviour of AWS that it restores.

A module in here has functions marked `@restores("…")`, whose text says what AWS does and moto does not.
"""

import importlib
import pkgutil
from collections.abc import Callable

Patch = Callable[[], None]

restored: dict[str, Patch] = {}
"""The AWS behaviour, in words → the function that brings it about."""


def restores(behaviour: str) -> Callable[[Patch], Patch]:
    """Mark a function that changes moto so that it behaves as AWS does."""

    def note(patch: Patch) -> Patch:
        restored[behaviour] = patch
        return patch

    return note


def apply() -> None:
    """Apply every patch of every module in this folder."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    for patch in restored.values():
        patch()
