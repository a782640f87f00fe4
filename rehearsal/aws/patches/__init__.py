"""Patches for moto: one function for each AWS behaviour that moto lacks, in one module for each service.

The text in each `@restores("…")` describes the behaviour.
"""

import importlib
import pkgutil
from collections.abc import Callable

Patch = Callable[[], None]

restored: dict[str, Patch] = {}
"""The description of the AWS behaviour → the function that patches moto."""


def restores(behaviour: str) -> Callable[[Patch], Patch]:
    """Register a function that patches moto to behave as AWS does."""

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
