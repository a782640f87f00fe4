"""Every package is pinned and installed with checksums."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SOURCES = sorted((ROOT / "requirements").glob("*.in"))
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def entries(lock: Path) -> list[str]:
    """Return the entries of a lock file: each a package with its version and checksums."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    return re.split(r"\n(?=\S)", text.strip())


def test_every_source_is_locked() -> None:
    assert [source.stem for source in SOURCES] == [lock.stem for lock in LOCKS]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.name))
def test_every_package_is_pinned_with_its_checksums(lock: Path) -> None:
    assert entries(lock)
    assert [entry for entry in entries(lock) if not re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry)] == []
    assert [entry for entry in entries(lock) if not HASH.search(entry)] == []


def test_every_npm_package_is_pinned_with_its_checksum() -> None:
    lock = json.loads((ROOT / "tests/services/newman/package-lock.json").read_text())
    packages = {path: package for path, package in lock["packages"].items() if path}
    assert packages
    for path, package in packages.items():
        assert package["integrity"].startswith("sha512-"), path
    installer = (ROOT / "tests/services/fetch-newman").read_text()
    assert "npm ci " in installer
    assert "--ignore-scripts" in installer


def test_the_build_uses_the_locked_setuptools() -> None:
    (required,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert [entry.split()[0] for entry in entries(ROOT / "requirements" / "build.txt")] == [required]


def test_make_and_the_release_install_only_with_checksums() -> None:
    makefile = (ROOT / "Makefile").read_text()
    # Find the word before the first `-r requirements…` of each install command.
    before = set(re.findall(r"([\w$()-]+) -r requirements", re.sub(r" -r requirements\S+(?= -r )", "", makefile)))
    assert before == {"$(INSTALL_PINNED)", "--require-hashes"}
    assert re.search(r"^INSTALL_PINNED := .* --require-hashes$", makefile, re.MULTILINE)
    assert re.search(r"^INSTALL_PROJECT := .* --no-build-isolation .*--editable \.$", makefile, re.MULTILINE)
    release = (ROOT / "release" / "__main__.py").read_text()
    assert "--require-hashes" in release
    assert "--no-build-isolation" in release
