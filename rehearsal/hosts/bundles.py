"""Build release bundles for tests: from the working tree, from a changed copy of it, or with damaged content."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
AUTHOR = {"GIT_AUTHOR_NAME": "Rehearsal", "GIT_AUTHOR_EMAIL": "rehearsal@example.com"}
COMMITTER = {"GIT_COMMITTER_NAME": "Rehearsal", "GIT_COMMITTER_EMAIL": "rehearsal@example.com"}


@dataclass(frozen=True)
class Bundle:
    """A release bundle on this machine."""

    path: Path
    version: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def key(self) -> str:
        return f"releases/{self.path.name}"


def bundle_of_working_tree() -> Bundle:
    """Return the bundle of the working tree. It is rebuilt if the working tree has changed."""
    command = [sys.executable, "-m", "release", "--working-tree"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return _named(ROOT / done.stdout.split()[0])


def damaged_copy(bundle: Bundle, folder: Path) -> Bundle:
    """Return a copy of the bundle in which one file does not match the manifest."""
    with tarfile.open(bundle.path) as files:
        files.extractall(folder / "content", filter="data")
    playbook = folder / "content" / "playbooks" / "host.yml"
    playbook.write_text(playbook.read_text() + "# Changed.\n")
    path = folder / bundle.path.name
    with tarfile.open(path, "w:gz", compresslevel=1) as files:
        files.add(folder / "content", arcname=".")
    return Bundle(path, bundle.version)


def release_with(change: Callable[[Path], None], folder: Path) -> Bundle:
    """Copy the working tree to `folder`, apply `change` to the copy, and return its bundle."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    change(folder)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "A release to rehearse"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env={**os.environ, **AUTHOR, **COMMITTER})
    return build_release(folder)


def build_release(source: Path, *, umask: int = -1) -> Bundle:
    """Build a release in a clone or copy of this repository. Reuse the wheels in var/wheelhouse, if there are any."""
    wheels = ROOT / "var" / "wheelhouse"
    if wheels.exists():
        (source / "var").mkdir(exist_ok=True)
        (source / "var" / "wheelhouse").symlink_to(wheels)
    command = [sys.executable, "-m", "release"]
    done = subprocess.run(command, cwd=source, check=True, stdout=subprocess.PIPE, text=True, umask=umask)
    return _named(source / done.stdout.split()[0])


def _named(path: Path) -> Bundle:
    return Bundle(path, path.name.removeprefix("rising-stars-").removesuffix(".tar.gz"))
