"""`make release`: the bundle that a host configures itself from, built from what HEAD holds.

The same commit gives the same bytes, on any machine: file times are the commit's, order and modes are fixed, wheels are
pinned by checksum. The result is `dist/rising-stars-<version>.tar.gz`, with its SHA-256 beside it.
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
from pathlib import Path

import typer

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
CACHE = ROOT / "var" / "wheelhouse"

HOST_SIDE = ("playbooks/host.yml", "roles/host_*", "release/become", "release/ansible.cfg")
"""What of the repository goes into the bundle beside the wheel, by patterns."""

GLIBC_MINORS = range(36, 16, -1)
"""Wheels for these versions of glibc run on Debian 12, newest first: it has 2.36."""
PLATFORM = [
    *(word for minor in GLIBC_MINORS for word in ("--platform", f"manylinux_2_{minor}_x86_64")),
    *("--platform", "manylinux2014_x86_64", "--python-version", "3.11"),
]
"""x86-64, with Debian 12's own Python."""


def build() -> None:
    """Build the bundle of HEAD and print where it lies."""
    commit, seconds = _git("rev-parse", "HEAD"), int(_git("log", "-1", "--format=%ct"))
    if _git("status", "--porcelain", "--untracked-files=no"):
        typer.echo(
            "Note: the working tree has changes that are not committed. The bundle holds what HEAD holds.", err=True
        )
    with tempfile.TemporaryDirectory() as folder:
        source, bundle = Path(folder, "source"), Path(folder, "bundle")
        _export(commit, source)
        version = f"{tomllib.loads((source / 'pyproject.toml').read_text())['project']['version']}-g{commit[:8]}"
        for pattern in HOST_SIDE:
            for found in sorted(source.glob(pattern)):
                _copy(found, bundle / found.relative_to(source))
        _add_wheels(source, bundle / "wheels", seconds)
        _write_manifest(bundle, version, commit)
        target = DIST / f"rising-stars-{version}.tar.gz"
        DIST.mkdir(exist_ok=True)
        target.write_bytes(_pack(bundle, seconds))
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n")
    typer.echo(f"{target.relative_to(ROOT)}  {target.stat().st_size / 1e6:.1f} MB  sha256 {digest}")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _export(commit: str, target: Path) -> None:
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(target, filter="data")


def _copy(found: Path, target: Path) -> None:
    if found.is_dir():
        shutil.copytree(found, target, ignore=shutil.ignore_patterns("molecule", "README.md"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found, target)


def _add_wheels(source: Path, target: Path, seconds: int) -> None:
    """The platform's own wheel, and those of all it needs; downloaded once, checked against requirements/host.txt."""
    target.mkdir(parents=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds)}
    pinned = ["--require-hashes", "--requirement", str(source / "requirements" / "host.txt")]
    download = [*pip, "download", *PLATFORM, "--only-binary=:all:", "--no-deps", *pinned]
    subprocess.run([*download, "--find-links", str(CACHE), "--dest", str(target)], check=True)
    for wheel in target.iterdir():
        shutil.copy2(wheel, CACHE)
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(target), str(source)], check=True, env=environment)


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
    """Without a trace of who packed it, where and when."""
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mtime = seconds
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info


if __name__ == "__main__":
    typer.run(build)
