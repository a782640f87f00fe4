"""The release bundle: the same for everybody, small enough, whole, and all that a host needs beside Debian."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.bundles import ROOT, Bundle
from tests.hosts.host import Host
from tests.hosts.podman import require_podman

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

MAX_BYTES = 60_000_000
HOME = "/opt/rising-stars/bundles/offline"

PLAY = """\
- hosts: localhost
  gather_facts: false
  roles:
    - role: host_release
      vars:
        host_release_state: installed
        host_release_bundle: {home}
"""


def test_the_same_commit_gives_the_same_bytes_from_two_clones(tmp_path: Path) -> None:
    first, second = (bundle_of_clone(tmp_path / name, umask) for name, umask in (("one", 0o022), ("another", 0o077)))
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_bundle_is_small_enough(bundle: Bundle) -> None:
    assert bundle.path.stat().st_size <= MAX_BYTES


def test_the_manifest_covers_every_file_and_no_other(bundle: Bundle) -> None:
    with tarfile.open(bundle.path) as files:
        contents = {member.name: files.extractfile(member) for member in files if member.isfile()}
        digests = {name: hashlib.sha256(file.read()).hexdigest() for name, file in contents.items() if file}
        manifest = json.loads(files.extractfile("manifest.json").read())  # type: ignore[union-attr]
    del digests["manifest.json"]
    assert manifest["sha256"] == digests
    assert manifest["version"] == bundle.version


def test_the_bundle_holds_what_a_host_runs_and_nothing_of_tests(bundle: Bundle) -> None:
    with tarfile.open(bundle.path) as files:
        names = files.getnames()
    assert {"release/become", "release/seal", "playbooks/host.yml", "roles/host_release/tasks/main.yml"} <= set(names)
    assert not [name for name in names if "molecule" in name or "test" in name.removeprefix("wheels/")]
    assert not [name for name in names if name.startswith("roles/aws_")]


def test_a_bundle_and_what_was_spoilt_in_it_are_told_apart(offline: Host) -> None:
    offline.output(f"cp -r {HOME} {HOME}-spoilt && echo >> {HOME}-spoilt/roles/host_release/tasks/main.yml")
    ran = offline.run(f"{HOME}-spoilt/release/become web")
    assert ran.exit_code == 70
    assert "roles/host_release/tasks/main.yml is not what the manifest says" in ran.output


def test_a_release_installs_without_any_network(offline: Host, bundle: Bundle) -> None:
    offline.write(f"{HOME}/offline.yml", PLAY.format(home=HOME))
    install = "import runpy; runpy.run_path('release/become')['install_ansible']()"
    play = "ANSIBLE_CONFIG=release/ansible.cfg LC_ALL=C.UTF-8 ansible/bin/ansible-playbook"
    offline.output(f'cd {HOME} && python3 -c "{install}"')
    offline.output(f"cd {HOME} && {play} --inventory localhost, --connection local offline.yml")
    assert offline.output("readlink /opt/rising-stars/current") == f"releases/{bundle.version}"
    assert "Operate a Rising Stars site" in offline.output("/opt/rising-stars/current/bin/rising-stars --help")


@pytest.fixture(scope="module")
def offline(bundle: Bundle) -> Iterator[Host]:
    """A host without any network, with the bundle on its disk."""
    require_podman()
    with Host(mounts={"/srv/bundle.tar.gz": bundle.path}) as host:
        host.output(f"mkdir -p {HOME} && tar -xf /srv/bundle.tar.gz -C {HOME} --no-same-owner")
        yield host


def bundle_of_clone(clone: Path, umask: int) -> Path:
    """What the present way of building makes of HEAD, in a clone of its own, under another umask."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    shutil.copytree(ROOT / "release", clone / "release", dirs_exist_ok=True)
    wheels = ROOT / "var" / "wheelhouse"
    if wheels.exists():
        shutil.copytree(wheels, clone / "var" / "wheelhouse")
    command = [sys.executable, "-m", "release"]
    subprocess.run(command, cwd=clone, check=True, capture_output=True, umask=umask)
    (made,) = (clone / "dist").glob("*.tar.gz")
    return made
