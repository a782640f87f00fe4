"""Releases that differ from the working tree in one thing: to roll something out, and to roll out something broken."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.hosts.bundles import Bundle

ROOT = Path(__file__).parents[2]
NOBODY = {"GIT_AUTHOR_NAME": "Rehearsal", "GIT_AUTHOR_EMAIL": "rehearsal@example.com"}
COMMITTER = {"GIT_COMMITTER_NAME": "Rehearsal", "GIT_COMMITTER_EMAIL": "rehearsal@example.com"}


def release_with(change: Callable[[Path], None], folder: Path) -> Bundle:
    """The bundle of a copy of the working tree, after `change` was at it. `folder` is made for it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    change(folder)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "A release to rehearse"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env={**os.environ, **NOBODY, **COMMITTER})
    wheels = ROOT / "var" / "wheelhouse"
    if wheels.exists():
        (folder / "var").mkdir(exist_ok=True)
        (folder / "var" / "wheelhouse").symlink_to(wheels)
    command = [sys.executable, "-m", "release"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    path = folder / done.stdout.split()[0]
    return Bundle(path, path.name.removeprefix("rising-stars-").removesuffix(".tar.gz"))


def mark(source: Path) -> None:
    """A change that nobody notices."""
    _append(source / "app" / "__init__.py", "\n# Rehearsed.\n")


def break_api(source: Path) -> None:
    """The API does not start; everything else does."""
    _append(source / "app" / "wsgi.py", '\nraise RuntimeError("Broken, to rehearse it")\n')


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)
