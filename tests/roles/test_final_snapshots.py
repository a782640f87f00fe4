"""A run that deletes a database also deletes old final snapshots, or reports that the operator may not delete them."""

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import play
from tests.roles.infrastructure import SMALL_DATABASE

pytestmark = pytest.mark.slow

NAME = "rising-stars-staging"
TAGS = {"Project": "rising-stars", "Environment": "staging"}
SNAPSHOTS = [f"{NAME}-final-202611{day}070000" for day in ("01", "02", "03")]
PLAY = f"""
- hosts: localhost
  gather_facts: false
  vars:
    aws_database_state: absent
    aws_database_name: {NAME}
    aws_database_tags: {json.dumps(TAGS)}
    aws_database_final_snapshots_kept: 2
  roles: [aws_database]
"""
ROUTINE = [
    "rds:Describe*",
    "rds:List*",
    "rds:DeleteDBInstance",
    "rds:DeleteDBParameterGroup",
    "rds:DeleteDBSubnetGroup",
]


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "absent.yml"
    path.write_text(PLAY)
    return path


@pytest.fixture
def account(fresh_aws: MockAws) -> MockAws:
    """An account with the three final snapshots of a deleted database."""
    fresh_aws.prepare_for_databases()
    rds = fresh_aws.client("rds")
    rds.create_db_instance(DBInstanceIdentifier=NAME, **SMALL_DATABASE)
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    for snapshot in SNAPSHOTS:
        rds.create_db_snapshot(DBSnapshotIdentifier=snapshot, DBInstanceIdentifier=NAME, Tags=tags)
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    return fresh_aws


def operator_with(aws: MockAws, actions: list[str]) -> dict[str, str]:
    """Create an operator; return the credentials as environment variables. Mock AWS then enforces IAM policies."""
    iam = aws.client("iam")
    allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.create_user(UserName="operator")
    iam.put_user_policy(UserName="operator", PolicyName="own", PolicyDocument=policy)
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    aws.judge_calls()
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def remaining(aws: MockAws, credentials: dict[str, str]) -> list[str]:
    rds: Any = aws.client("rds", **{name.lower(): value for name, value in credentials.items()})
    return sorted(found["DBSnapshotIdentifier"] for found in rds.describe_db_snapshots()["DBSnapshots"])


def test_the_removal_keeps_the_newest_snapshots_and_its_plan_deletes_none(account: MockAws, playbook: Path) -> None:
    operator = operator_with(account, [*ROUTINE, "rds:DeleteDBSnapshot"])
    plan = play(playbook, "--check", env={**account.env, **operator})
    assert f"(item={SNAPSHOTS[0]})" in plan
    assert remaining(account, operator) == SNAPSHOTS
    play(playbook, env={**account.env, **operator})
    assert remaining(account, operator) == SNAPSHOTS[1:]
    assert "changed=0" in play(playbook, env={**account.env, **operator})


def test_an_operator_without_the_permission_removes_the_database_and_is_told_what_remains(
    account: MockAws, playbook: Path
) -> None:
    operator = operator_with(account, ROUTINE)
    output = " ".join(play(playbook, env={**account.env, **operator}).split())
    assert f"Old final snapshots of {NAME} remain: {SNAPSHOTS[0]}. Attach prune.json" in output
    assert "AccessDenied" in output
    assert remaining(account, operator) == SNAPSHOTS
