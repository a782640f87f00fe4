"""Paths for display at a terminal."""

from pathlib import Path


def shown(path: Path) -> str:
    """Return the path, relative to the working directory if it is below that."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
