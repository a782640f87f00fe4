"""host_release deletes old releases and the leftovers of interrupted installations from a machine's disk."""

import os
from pathlib import Path

import pytest

from rehearsal.operator.playbooks import play

pytestmark = pytest.mark.slow

PRUNE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: host_release
        tasks_from: prune
"""


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """The directory of releases: five complete ones, 1 being the oldest, and two interrupted installations."""
    folder = tmp_path / "root" / "releases"
    for name in ("1", "2", "3", "4", "5", "interrupted", "interrupted-too"):
        (folder / name / "lib").mkdir(parents=True)
    for age, name in enumerate("12345"):
        mark = folder / name / ".complete"
        mark.touch()
        os.utime(mark, (1_800_000_000 + age, 1_800_000_000 + age))
    return folder


@pytest.mark.parametrize(
    ("release", "kept"),
    [
        pytest.param("5", ["3", "4", "5"], id="newest"),
        pytest.param("1", ["1", "4", "5"], id="rolled back"),
        pytest.param("interrupted", ["4", "5", "interrupted"], id="to be completed, in a plan"),
    ],
)
def test_old_releases_and_interrupted_installations_are_deleted(
    releases: Path, tmp_path: Path, release: str, kept: list[str]
) -> None:
    (tmp_path / "prune.yml").write_text(PRUNE)
    variables = [f"host_release_root={releases.parent}", f"host_release_version={release}"]
    options = [word for variable in variables for word in ("-e", variable)]
    play(tmp_path / "prune.yml", *options)
    assert sorted(path.name for path in releases.iterdir()) == kept
    assert "changed=0" in play(tmp_path / "prune.yml", *options)
