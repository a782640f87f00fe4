"""Source changes for a rehearsal's releases: one that changes no behaviour, and one that breaks the API."""

from pathlib import Path


def mark(source: Path) -> None:
    """Append a comment, so that the release differs but behaves in the same way."""
    _append(source / "app" / "__init__.py", "\n# Rehearsed.\n")


def break_api(source: Path) -> None:
    """Make the API fail at startup; everything else still works."""
    _append(source / "app" / "wsgi.py", '\nraise RuntimeError("Broken, to rehearse it")\n')


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)
