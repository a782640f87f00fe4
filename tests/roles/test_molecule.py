"""Each role that calls AWS builds, changes nothing the second time, is what it says, and leaves nothing."""

import re

import pytest

from rehearsal.operator.playbooks import REPOSITORY
from tests.roles.scenarios import ROLES, run_scenario

IN_SHORT = "aws_storage"
"""The role whose scenario stands for all in `make test`."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "role", [role if role == IN_SHORT else pytest.param(role, marks=pytest.mark.slow) for role in ROLES]
)
def test_a_role_builds_stays_and_leaves_nothing(role: str) -> None:
    run = run_scenario(role)
    assert run.returncode == 0, run.stdout[-12_000:]
    # molecule calls it a success when it finds no tests.
    assert len(re.findall(r"^=+ .*\d+ passed", run.stdout, re.MULTILINE)) == 2, run.stdout[-12_000:]


def test_no_role_is_without_a_scenario() -> None:
    assert sorted(path.name for path in REPOSITORY.glob("roles/aws_*")) == ROLES
