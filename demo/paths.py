"""Paths as a person at a terminal would type them."""

from pathlib import Path


def shown(path: Path) -> str:
    """Relative to where one is, if it lies below."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
