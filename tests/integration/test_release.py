"""The release bundle is reproducible, small enough and complete."""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from rehearsal.hosts.bundles import ROOT, Bundle, build_release, bundle_of_working_tree

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

MAX_BYTES = 60_000_000


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The bundle built from the working tree."""
    return bundle_of_working_tree()


def test_the_same_commit_gives_the_same_bytes_from_two_clones(tmp_path: Path) -> None:
    first, second = (bundle_of_clone(tmp_path / name, umask) for name, umask in (("one", 0o022), ("another", 0o077)))
    assert first.version == second.version
    assert first.path.read_bytes() == second.path.read_bytes()
    # The inventories read this file to find the release to deploy.
    assert (first.path.parent / "latest").read_text() == f"{first.version}\n"


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


def test_the_bundle_contains_what_a_host_runs_and_no_tests(bundle: Bundle) -> None:
    with tarfile.open(bundle.path) as files:
        names = files.getnames()
    assert {"release/become", "release/seal", "playbooks/host.yml", "roles/host_release/tasks/main.yml"} <= set(names)
    assert not [name for name in names if "molecule" in name or "test" in name.removeprefix("wheels/")]
    assert not [name for name in names if name.startswith("roles/aws_")]


def test_the_bundle_lists_what_it_ships_with_versions_licences_and_checksums(bundle: Bundle) -> None:
    with tarfile.open(bundle.path) as files:
        text = files.extractfile("bill-of-materials.cdx.json").read().decode()  # type: ignore[union-attr]
        wheels = {
            hashlib.sha256(files.extractfile(member).read()).hexdigest()  # type: ignore[union-attr]
            for member in files
            if member.name.endswith(".whl")
        }
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    shipped = [bill["metadata"]["component"], *bill["components"]]
    assert {digest["content"] for component in shipped for digest in component["hashes"]} == wheels
    assert [component["name"] for component in shipped if not component.get("licenses")] == []
    assert {"serialNumber", "timestamp"} & {*bill, *bill["metadata"]} == set()
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements" / "host.txt").read_text(), re.MULTILINE))
    assert {component["name"]: component["version"] for component in bill["components"]} == pinned


def bundle_of_clone(clone: Path, umask: int) -> Bundle:
    """Build HEAD in a separate clone, with the working tree's build code and the given umask."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    shutil.copytree(ROOT / "release", clone / "release", dirs_exist_ok=True)
    return build_release(clone, umask=umask)
