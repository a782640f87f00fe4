"""A builder that reports a fault fails the run with its own words, and is gone."""

import os
import sys
from pathlib import Path
from subprocess import PIPE, STDOUT, run

import pytest

from tests.roles.conftest import free_port
from tests.roles.playbooks import REPOSITORY

MOLECULE = Path(sys.executable).with_name("molecule")


@pytest.mark.timeout(600)
def test_a_failing_builder_is_heard_and_terminated() -> None:
    path = f"{MOLECULE.parent}:{os.environ['PATH']}"
    env = {**os.environ, "MOTO_PORT": str(free_port()), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "PATH": path}
    folder = REPOSITORY / "roles" / "aws_image"
    done = run(
        [MOLECULE, "test", "-s", "faulty"], cwd=folder, env=env, stdout=PIPE, stderr=STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-12_000:]
    assert " 1 passed" in done.stdout
