"""A role rejects settings that AWS would reject, before it calls AWS."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rehearsal.operator.playbooks import REPOSITORY, play

pytestmark = pytest.mark.slow


class Case(NamedTuple):
    """A role's settings that differ from those of its molecule scenario, and the expected message."""

    role: str
    settings: dict[str, str]
    message: str = ""


CASES = {
    "a master user of 17 characters": Case(
        "aws_database",
        {"aws_database_username": "a1234567890123456"},
        "aws_database_username is a1234567890123456: RDS allows at most 16 lower-case letters, digits and underscores,"
        " the first of them a letter, and reserves rdsadmin.",
    ),
    "a master user of 16 characters": Case("aws_database", {"aws_database_username": "a123456789012345"}),
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The message of each case's validation, empty if it passed. One run of a playbook validates all cases."""
    folder = tmp_path_factory.mktemp("refused")
    playbook = folder / "validate.yml"
    playbook.write_text(json.dumps([validation(case, folder / name) for name, case in CASES.items()]))
    play(playbook)
    return {name: (folder / name).read_text() for name in CASES}


def validation(case: Case, result: Path) -> dict[str, Any]:
    """Return a play that writes the message of the role's validation to a file."""
    validate = {"name": case.role, "tasks_from": "validate.yml"}
    failed = "{{ ansible_failed_result.msg | default('') }}"
    return {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [f"{REPOSITORY}/roles/{case.role}/molecule/default/vars.yml"],
        "vars": case.settings,
        "tasks": [
            {
                "block": [{"ansible.builtin.include_role": validate}, write("", result)],
                "rescue": [write(failed, result)],
            }
        ],
    }


def write(content: str, file: Path) -> dict[str, Any]:
    return {"ansible.builtin.copy": {"content": content, "dest": str(file), "mode": "0600"}}


@pytest.mark.parametrize("name", CASES)
def test_a_setting_is_rejected_by_its_name_or_accepted(name: str, messages: dict[str, str]) -> None:
    assert messages[name] == CASES[name].message
