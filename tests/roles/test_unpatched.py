"""rehearsal/aws/README.md says which roles' scenarios pass on unpatched moto. UNPATCHED=all tests every role (slow)."""

import importlib
import os
import pkgutil
import re
from itertools import chain

import pytest

from rehearsal.aws import patches
from rehearsal.operator.playbooks import REPOSITORY
from tests.roles.scenarios import ROLES, run_scenario

README = (REPOSITORY / "rehearsal/aws/README.md").read_text()
FATES = dict(re.findall(r"^\| (aws_\w+) \| (passes|fails at `.+?`) \|", README, re.MULTILINE))
"""The documented result of each role's scenario on unpatched moto."""
TRIED = ROLES if os.environ.get("UNPATCHED") == "all" else ["aws_parameters"]


def behaviours() -> set[str]:
    """Return the descriptions of the patches."""
    for module in pkgutil.iter_modules(patches.__path__, f"{patches.__name__}."):
        importlib.import_module(module.name)
    return set(patches.restored)


def test_the_table_names_every_role() -> None:
    assert sorted(FATES) == ROLES


def test_the_list_names_every_patch_and_no_other() -> None:
    listed = re.findall(r"^- (.+) \(`\w+`\)$", README, re.MULTILINE)
    assert sorted(listed) == sorted(behaviours())


def fate(output: str) -> str:
    """Return the test or task at which a scenario failed, in the words of the table."""
    tests = re.findall(r"^FAILED \S+::(\w+)", output, re.MULTILINE)
    again = re.findall(r"^\*  => (?:\w+ : )?(.+)$", output, re.MULTILINE)
    until_failure = re.split(r"^(?:fatal|failed): ", output, maxsplit=1, flags=re.MULTILINE)[0]
    tasks = reversed(re.findall(r"^TASK \[(?:\w+ : )?(.+)\] \*", until_failure, re.MULTILINE))
    return f"fails at `{next(chain(tests, again, tasks))}`"


@pytest.mark.timeout(1800)
@pytest.mark.slow
@pytest.mark.parametrize("role", TRIED)
def test_a_roles_result_on_unpatched_moto_is_as_in_the_table(role: str) -> None:
    run = run_scenario(role, MOTO_UNPATCHED="1")
    assert (fate(run.stdout) if run.returncode else "passes") == FATES[role], run.stdout[-12_000:]
