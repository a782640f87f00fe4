"""Each role that calls AWS builds, changes nothing the second time, is what it says, and leaves nothing."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.parents[2].name for path in ROOT.glob("roles/aws_*/molecule/default/molecule.yml"))
MOLECULE = Path(sys.executable).with_name("molecule")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_builds_stays_and_leaves_nothing(role: str) -> None:
    environment = {
        **os.environ,
        "MOTO_PORT": str(free_port()),
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
        "PATH": f"{MOLECULE.parent}:{os.environ['PATH']}",
    }
    run = subprocess.run(
        [MOLECULE, "test"],
        cwd=ROOT / "roles" / role,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-12_000:]
    # molecule calls it a success when it finds no tests.
    assert len(re.findall(r"^=+ .*\d+ passed", run.stdout, re.MULTILINE)) == 2, run.stdout[-12_000:]


def test_no_role_is_without_a_scenario() -> None:
    assert sorted(path.name for path in ROOT.glob("roles/aws_*")) == ROLES
