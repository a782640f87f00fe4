"""Build a release bundle from HEAD (`make release`). A host uses the bundle to configure itself.

    python -m release [--working-tree] [--unpack FOLDER]

The same commit gives the same bytes on any machine: all files have the commit's time, their order and modes are fixed,
and the Python packages and the setuptools that builds the platform's wheel are pinned by checksum. The bundle is
`dist/rising-stars-<version>.tar.gz`. A file beside the bundle, with the suffix `.sha256`, contains the bundle's
checksum. The bundle contains a bill of materials (`release/bill.py`).

`--working-tree` builds the bundle from the working tree instead, for tests. The version of such a bundle ends in
"-dirty-" and a digest of the content, so that the same content is built only once. Only the newest few of these bundles
are kept. `--unpack FOLDER` also extracts the bundle to FOLDER/<version> and points the link FOLDER/current to it.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from release.bill import bill_of_materials

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
LATEST = DIST / "latest"
"""The file with the version that was last built from HEAD. Playbooks publish this version by default."""
CACHE = ROOT / "var" / "wheelhouse"

KEPT_OF_WORKING_TREES = 6

HOST_SIDE = (
    "playbooks/host.yml",
    "playbooks/vars/uploads.yml",
    "roles/host_*",
    "plugins/filter/unmet.py",
    "release/ansible.cfg",
    "release/become",
    "release/callback",
    "release/seal",
)
"""Patterns of the repository's files that go into the bundle as they are, in addition to the wheels."""

BILL = "bill-of-materials.cdx.json"
"""The file that lists the bundle's packages with their licences and checksums."""

WHEEL_SIDE = ("app", "tasks", "requirements", "pyproject.toml", "README.md", "LICENSE")
"""The files from which the platform's wheel is built, and those that list the other wheels."""

GLIBC_MINORS = range(36, 16, -1)
"""Minor versions of glibc 2, newest first. Debian 12 has glibc 2.36, so it runs wheels for each of these versions."""
PLATFORM = [
    *(word for minor in GLIBC_MINORS for word in ("--platform", f"manylinux_2_{minor}_x86_64")),
    *("--platform", "manylinux2014_x86_64", "--python-version", "3.11"),
]
"""pip options that select wheels for x86-64 and Debian 12's Python."""


@dataclass(frozen=True)
class Origin:
    """The source of a bundle: a folder with the repository's files, and their commit."""

    source: Path
    commit: str
    seconds: int
    """The commit's time in Unix seconds. All files in the bundle get this time."""
    suffix: str = ""

    @property
    def version(self) -> str:
        """The project's version, the commit and, for a working tree, a digest of its content."""
        project = tomllib.loads((self.source / "pyproject.toml").read_text())["project"]
        return f"{project['version']}-g{self.commit[:8]}{self.suffix}"


def build(
    *,
    working_tree: Annotated[
        bool, typer.Option("--working-tree", help="Build from the working tree, not from HEAD.")
    ] = False,
    unpack: Annotated[Path | None, typer.Option(help="Also extract the bundle below this folder.")] = None,
) -> None:
    """Build the bundle and print its path."""
    os.umask(0o022)  # a wheel contains its files' modes, which depend on the umask
    with tempfile.TemporaryDirectory() as folder:
        origin = _working_tree(Path(folder, "source")) if working_tree else _head(Path(folder, "source"))
        version = origin.version
        target = DIST / f"rising-stars-{version}.tar.gz"
        if not (working_tree and target.exists()):
            _build(origin, Path(folder, "bundle"), target)
            _keep_newest(DIST.glob("rising-stars-*-dirty-*.tar.gz"))
        if unpack:
            _unpack(target, unpack, version)
            _keep_newest(unpack.glob("*-dirty-*"))
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    _write(target.with_name(target.name + ".sha256"), f"{digest}  {target.name}\n".encode())
    if not working_tree:
        _write(LATEST, f"{version}\n".encode())
    typer.echo(f"{target.relative_to(ROOT)}  {target.stat().st_size / 1e6:.1f} MB  sha256 {digest}")


def _head(source: Path) -> Origin:
    commit, seconds = _last_commit()
    if _git("status", "--porcelain", "--untracked-files=no"):
        typer.echo(
            "Note: the working tree has uncommitted changes. The bundle is built from HEAD, without them.", err=True
        )
    _export(commit, source)
    return Origin(source, commit, seconds)


def _working_tree(source: Path) -> Origin:
    """Copy the bundle's sources from the working tree: tracked files, and untracked files that git does not ignore."""
    commit, seconds = _last_commit()
    content = hashlib.sha256()
    patterns = [*WHEEL_SIDE, *HOST_SIDE]
    for name in sorted(_git("ls-files", "-z", "-co", "--exclude-standard", "--", *patterns).split("\0")):
        found, target = ROOT / name, source / name
        if not found.is_file() or "/molecule/" in name:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found, target)
        content.update(f"{name}\0{found.stat().st_mode & 0o100}\0".encode() + target.read_bytes())
    return Origin(source, commit, seconds, f"-dirty-{content.hexdigest()[:8]}")


def _last_commit() -> tuple[str, int]:
    return _git("rev-parse", "HEAD"), int(_git("log", "-1", "--format=%ct"))


def _build(origin: Origin, bundle: Path, target: Path) -> None:
    for pattern in HOST_SIDE:
        for found in sorted(origin.source.glob(pattern)):
            _copy(found, bundle / found.relative_to(origin.source))
    _add_wheels(origin.source, bundle / "wheels", origin.seconds)
    (bundle / BILL).write_text(bill_of_materials(bundle / "wheels"))
    _write_manifest(bundle, origin.version, origin.commit)
    DIST.mkdir(exist_ok=True)
    _write(target, _pack(bundle, origin.seconds))


def _unpack(bundle: Path, folder: Path, version: str) -> None:
    """Extract the bundle and update the link `current`, both atomically."""
    target, link = folder / version, folder / "current"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as half:
            with tarfile.open(bundle) as files:
                files.extractall(Path(half, "bundle"), filter="data")
            Path(half, "bundle").rename(target)
    target.touch()
    fresh = folder / f".current-{os.getpid()}"
    fresh.symlink_to(version)
    fresh.replace(link)


def _keep_newest(of_working_trees: Iterator[Path]) -> None:
    for old in sorted(of_working_trees, key=lambda path: path.stat().st_mtime)[:-KEPT_OF_WORKING_TREES]:
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
            old.with_name(old.name + ".sha256").unlink(missing_ok=True)


def _write(target: Path, content: bytes) -> None:
    half = target.with_name(f"{target.name}.{os.getpid()}")
    half.write_bytes(content)
    half.replace(target)


def _git(*arguments: str) -> str:
    return _git_bytes(*arguments).decode().strip()


def _git_bytes(*arguments: str) -> bytes:
    """Return git's output. If git fails, exit with its message.

    Git fails, for example, if another user owns the checkout or if there is no commit yet.
    """
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"The bundle cannot be built: git {arguments[0]} failed:\n{done.stderr.decode()}")
    return done.stdout


def _export(commit: str, target: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(_git_bytes("archive", commit))) as files:
        files.extractall(target, filter="data")


def _copy(found: Path, target: Path) -> None:
    if found.is_dir():
        shutil.copytree(found, target, ignore=shutil.ignore_patterns("molecule", "README.md", "__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found, target)


def _add_wheels(source: Path, target: Path, seconds: int) -> None:
    """Add the platform's wheel and the wheels pinned in requirements/host.txt. Downloads are cached in `CACHE`."""
    target.mkdir(parents=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds)}
    pinned = ["--require-hashes", "--requirement", str(source / "requirements" / "host.txt")]
    download = [*pip, "download", *PLATFORM, "--only-binary=:all:", "--no-deps", *pinned]
    download += ["--find-links", str(CACHE), "--dest", str(target)]
    if subprocess.run([*download, "--no-index"], capture_output=True, check=False).returncode != 0:
        subprocess.run(download, check=True)
    for wheel in target.iterdir():
        shutil.copy2(wheel, CACHE)
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--check-build-dependencies"]
    subprocess.run([*build, "--wheel-dir", str(target), str(source)], check=True, env=environment)


def _write_manifest(bundle: Path, version: str, commit: str) -> None:
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    digests = {str(path.relative_to(bundle)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    manifest = {"version": version, "commit": commit, "sha256": digests}
    (bundle / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def _pack(bundle: Path, seconds: int) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=seconds, compresslevel=6) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(bundle.rglob("*")):
            tar.add(path, str(path.relative_to(bundle)), recursive=False, filter=lambda info: _plain(info, seconds))
    return packed.getvalue()


def _plain(info: tarfile.TarInfo, seconds: int) -> tarfile.TarInfo:
    """Normalize owner, time and mode, which would otherwise depend on who builds the bundle, where and when."""
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mtime = seconds
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info


if __name__ == "__main__":
    typer.run(build)
