"""Release bundles on this machine: of the working tree, and spoilt ones."""

import hashlib
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
    """What is being written, as a bundle; built when something has changed."""
    command = [sys.executable, "-m", "release", "--working-tree"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    path = ROOT / done.stdout.split()[0]
    return Bundle(path, path.name.removeprefix("rising-stars-").removesuffix(".tar.gz"))


def spoilt(bundle: Bundle, folder: Path) -> Bundle:
    """The same bundle with one file other than its manifest says."""
    with tarfile.open(bundle.path) as files:
        files.extractall(folder / "content", filter="data")
    playbook = folder / "content" / "playbooks" / "host.yml"
    playbook.write_text(playbook.read_text() + "# Somebody was here.\n")
    path = folder / bundle.path.name
    with tarfile.open(path, "w:gz", compresslevel=1) as files:
        files.add(folder / "content", arcname=".")
    return Bundle(path, bundle.version)
