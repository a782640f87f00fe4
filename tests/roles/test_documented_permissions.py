"""The roles' READMEs, the runbook and the modules' source agree with docs/operator-policy about permissions.

`Operator` in rehearsal/operator/whole_site.py makes mock AWS reject every call that the statements do not allow.
"""

import json
import re
from pathlib import Path

import ansible_collections
import pytest

from rehearsal.operator.playbooks import REPOSITORY
from rehearsal.operator.policy import FILES, UNSEEN, attached, policies_of

OF_NO_ROLE = {
    "configure_hosts.yml, over Systems Manager": {
        "TransferFilesToMachines",
        "StartSessions",
        "OpenDataChannels",
        "StartShellSessions",
        "EndOwnSessions",
    },
    "the runbook": {"SnapshotAndDeleteTheCopy", "ReadForTheRunbook", "ReadLogs"},
}
"""Statements that no role needs, by the playbook or document that needs them."""

ROLES = sorted(REPOSITORY.glob("roles/aws_*"))


def statements() -> set[tuple[str, str]]:
    """Return the file name and the Sid of each statement in the operator's policies."""
    return {(file.name, one["Sid"]) for file in FILES for one in json.loads(file.read_text())["Statement"]}


def statements_in_readme(role: Path) -> set[tuple[str, str]]:
    """Return the file name and the Sid of each statement in the "Permissions" section of a role's README."""
    part = (role / "README.md").read_text().partition("\n## Permissions\n")[2].partition("\n## ")[0]
    items = re.findall(r"^- \[([\w.]+)\]\(\.\./\.\./docs/operator-policy/\1\):((?:.|\n {2})*)", part, re.MULTILINE)
    return {(file, sid) for file, named in items for sid in re.findall(r"`(\w+)`", named)}


def calls_aws(role: Path) -> bool:
    """Return whether a role's tasks call an AWS module of the collections or of this project."""
    own = "|".join(file.stem for file in REPOSITORY.glob("plugins/modules/*.py"))
    module = re.compile(rf"^ +((amazon|community)\.aws\.\w+|{own}):$", re.MULTILINE)
    return any(module.search(file.read_text()) for file in role.glob("tasks/*.yml"))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: str(role.name))
def test_a_role_names_the_statements_that_it_needs_and_each_exists(role: Path) -> None:
    named = statements_in_readme(role)
    assert bool(named) is calls_aws(role)
    assert named - statements() == set()


def test_each_statement_is_needed_by_a_role_or_explained() -> None:
    needed = {sid for role in ROLES for _, sid in statements_in_readme(role)}
    explained = set().union(*OF_NO_ROLE.values())
    assert needed | explained == {sid for _, sid in statements()}
    assert needed & explained == set()


RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text()
COMMANDS = sorted(set(re.findall(r"\baws ([a-z]\w*) ([a-z]+(?:-[a-z]+)*)", RUNBOOK)))
SERVICES_OF_THE_CLI = {"elbv2": "elasticloadbalancing"}
COMPOSED = {("logs", "tail"): "logs:FilterLogEvents", ("rds", "wait"): "rds:DescribeDBInstances"}
"""AWS CLI command that has no operation of the same name → the action that it needs."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_of_the_runbook_is_allowed(command: tuple[str, str]) -> None:
    service, operation = command
    action = f"{SERVICES_OF_THE_CLI.get(service, service)}:{operation.title().replace('-', '')}"
    allowed = {action.lower() for action in policies_of("staging", attached("restore")).actions()}
    assert COMPOSED.get(command, action).lower() in allowed


def sources() -> str:
    """Return the source of this project's tasks and of the modules that they call."""
    (collections, *_) = [Path(path) for path in ansible_collections.__path__]
    tasks = [*REPOSITORY.glob("roles/aws_*/tasks/*.yml"), *REPOSITORY.glob("playbooks/**/*.yml")]
    named = {name for file in tasks for name in re.findall(r"\b(amazon|community)\.aws\.(\w+)", file.read_text())}
    files = [collections / space / "aws" / "plugins" / "modules" / f"{module}.py" for space, module in named]
    files += [*collections.glob("amazon/aws/plugins/module_utils/**/*.py"), *REPOSITORY.glob("plugins/modules/*.py")]
    return "\n".join(file.read_text() for file in files if file.exists())


def test_permissions_for_occasional_calls_are_justified_by_the_modules_source() -> None:
    text = sources()
    claimed = [action for reason, actions in UNSEEN.items() if reason.startswith("A module") for action in actions]
    assert claimed
    assert [action for action in claimed if not re.search(rf"\b{snake_case(action)}\b", text)] == []


def snake_case(action: str) -> str:
    """Return the name of the boto3 method that sends the operation."""
    name = action.partition(":")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
