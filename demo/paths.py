"""Paths for display in a terminal."""

from pathlib import Path


def shown(path: Path) -> str:
    """Return a path below the working directory as a relative path, any other as an absolute path."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
