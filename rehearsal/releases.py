"""Changes that make a release to rehearse: one that nobody notices, and one that is broken."""

from pathlib import Path


def mark(source: Path) -> None:
    """A change that nobody notices."""
    _append(source / "app" / "__init__.py", "\n# Rehearsed.\n")


def break_api(source: Path) -> None:
    """The API does not start; everything else does."""
    _append(source / "app" / "wsgi.py", '\nraise RuntimeError("Broken, to rehearse it")\n')


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)
