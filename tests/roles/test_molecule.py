"""Each role that calls AWS passes its scenario: create, no change on a second run, verify, and delete."""

import re

import pytest

from rehearsal.operator.playbooks import REPOSITORY
from tests.roles.scenarios import ROLES, run_scenario

IN_SHORT = "aws_storage"
"""The only role whose scenario `make test` runs."""


# The timeout only ends scenarios that hang. The longest scenario took 555 s when two other test processes ran on the
# same two cores.
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "role", [role if role == IN_SHORT else pytest.param(role, marks=pytest.mark.slow) for role in ROLES]
)
def test_a_role_creates_is_idempotent_and_deletes_everything(role: str) -> None:
    run = run_scenario(role)
    assert run.returncode == 0, run.stdout[-12_000:]
    # molecule reports success even if it finds no tests.
    assert len(re.findall(r"^=+ .*\d+ passed", run.stdout, re.MULTILINE)) == 2, run.stdout[-12_000:]


def test_every_role_has_a_scenario() -> None:
    assert sorted(path.name for path in REPOSITORY.glob("roles/aws_*")) == ROLES
