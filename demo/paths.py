"""Paths for display in a terminal."""

from pathlib import Path


def shown(path: Path) -> str:
    """Return the path, made relative to the working directory if it is inside it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
