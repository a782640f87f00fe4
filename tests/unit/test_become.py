"""`release/become` writes the reason for every failure to a file, from which the first boot reports it."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from rehearsal.hosts.bundles import ROOT


@pytest.fixture
def become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`release/become`, loaded as a module. Its bundle contains only a manifest; Ansible is marked as installed."""
    loader = importlib.machinery.SourceFileLoader("become", str(ROOT / "release" / "become"))
    spec = importlib.util.spec_from_loader("become", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader.exec_module(module)
    bundle = tmp_path / "bundle"
    (bundle / "ansible").mkdir(parents=True)
    (bundle / "ansible" / ".complete").touch()
    (bundle / "manifest.json").write_text(json.dumps({"version": "1.2.3", "sha256": {}}))
    paths = {"BUNDLE": bundle, "ANSIBLE": bundle / "ansible", "BAKED": bundle / "baked"}
    for name, path in {**paths, "FAILURE": tmp_path / "failure", "IDENTITY": tmp_path / "etc"}.items():
        monkeypatch.setattr(module, name, path)
    monkeypatch.setattr("sys.argv", ["become", "web"])
    return module


def test_a_program_that_cannot_be_started_is_the_reason(become: ModuleType) -> None:
    assert become.main() == 70
    missing = become.ANSIBLE / "bin" / "ansible-playbook"
    assert become.FAILURE.read_text() == f"[Errno 2] No such file or directory: '{missing}'\n"


def test_an_unexpected_error_is_the_reason_with_its_type(become: ModuleType) -> None:
    (become.BUNDLE / "manifest.json").write_text("")
    assert become.main() == 70
    assert become.FAILURE.read_text() == "JSONDecodeError: Expecting value: line 1 column 1 (char 0)\n"


def test_a_unit_that_cannot_be_started_is_the_reason(
    become: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 5\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    become.BAKED.touch()
    assert become.main() == 70
    assert "rising-stars-api.target" in become.FAILURE.read_text()
    assert become.FAILURE.read_text().endswith("returned non-zero exit status 5.\n")


def test_a_play_that_fails_keeps_the_failed_task(become: ModuleType) -> None:
    play = become.ANSIBLE / "bin" / "ansible-playbook"
    play.parent.mkdir()
    play.write_text('#!/bin/sh\necho "host_api : Start the API: no such unit" > "$FAILED_TASK_FILE"\nexit 2\n')
    play.chmod(0o755)
    assert become.main() == 2
    assert become.FAILURE.read_text() == "host_api : Start the API: no such unit\n"
