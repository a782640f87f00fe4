"""Tests of the secrets through the AWS API, and of further runs of the role."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.operator.playbooks import play, run_playbook

SCENARIO = Path(__file__).parents[1]
CONVERGE = SCENARIO / "converge.yml"
ABSENT = SCENARIO / "absent.yml"
NAMES = [f"rising-stars/molecule/{short}" for short in ("database", "doorbell", "jwt", "redis", "verification")]


@pytest.fixture
def manager() -> Any:
    return boto3.client("secretsmanager")


def values(manager: Any) -> dict[str, str]:
    return {name: manager.get_secret_value(SecretId=name)["SecretString"] for name in NAMES}


def test_each_secret_is_a_different_random_string(manager: Any) -> None:
    held = values(manager)
    assert len(set(held.values())) == len(NAMES)
    assert all(re.fullmatch("[A-Za-z0-9]{48}", value) for value in held.values())


def test_each_secret_has_its_tags(manager: Any) -> None:
    secrets = manager.list_secrets()["SecretList"]
    assert sorted(secret["Name"] for secret in secrets) == NAMES
    for secret in secrets:
        assert {tag["Key"]: tag["Value"] for tag in secret["Tags"]} == {
            "Project": "rising-stars",
            "Environment": "molecule",
            "ManagedBy": "ansible",
            "Role": "secrets",
            "Name": secret["Name"],
        }


def test_a_second_run_keeps_every_value(manager: Any) -> None:
    before = values(manager)
    assert "changed=0 " in play(CONVERGE)
    assert values(manager) == before


def test_no_value_is_printed_even_at_vvv_whether_created_kept_or_rotated(manager: Any) -> None:
    manager.delete_secret(SecretId=NAMES[0], ForceDeleteWithoutRecovery=True)
    kept = set(values_there(manager))
    printed = play(CONVERGE, "-vvv", "--diff", "-e", json.dumps({"aws_secrets_rotate": ["jwt"]}))
    held = set(values(manager).values())
    assert len(held - kept) == 2
    assert "created rising-stars/molecule/database" in printed
    assert "rotated rising-stars/molecule/jwt" in printed
    assert not [value for value in held | kept if value in printed]


def values_there(manager: Any) -> list[str]:
    return [manager.get_secret_value(SecretId=name)["SecretString"] for name in NAMES[1:]]


def test_a_rotation_changes_only_the_named_secret_and_keeps_its_previous_value(manager: Any) -> None:
    before = values(manager)
    play(CONVERGE, "-e", json.dumps({"aws_secrets_rotate": ["jwt"]}))
    after = values(manager)
    jwt = "rising-stars/molecule/jwt"
    assert {name for name in NAMES if before[name] != after[name]} == {jwt}
    assert manager.get_secret_value(SecretId=jwt, VersionStage="AWSPREVIOUS")["SecretString"] == before[jwt]


def held(manager: Any, label: str) -> str | None:
    """Return the value of `jwt` that has the staging label, or None if no value has it."""
    try:
        return str(manager.get_secret_value(SecretId=NAMES[2], VersionStage=label)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        return None


def step(name: str) -> str:
    return play(CONVERGE, "-e", json.dumps({f"aws_secrets_{name}": ["jwt"]}))


def test_a_rotation_in_steps_keeps_two_values_and_a_repeated_step_changes_nothing(manager: Any) -> None:
    old = held(manager, "AWSCURRENT")
    assert "changed=1 " in step("prepare")
    new = held(manager, "NEXT")
    assert (held(manager, "AWSCURRENT"), held(manager, "LAST")) == (old, None)
    assert new not in {None, old}
    assert "changed=0 " in step("prepare")
    assert "changed=1 " in step("promote")
    assert [held(manager, label) for label in ("AWSCURRENT", "NEXT", "LAST")] == [new, None, old]
    assert "changed=0 " in step("promote")
    assert "changed=1 " in step("retire")
    assert [held(manager, label) for label in ("AWSCURRENT", "NEXT", "LAST")] == [new, None, None]
    assert "changed=0 " in step("retire")


def test_each_rotation_in_steps_labels_the_value_before_it_as_last(manager: Any) -> None:
    for _ in range(2):
        before = held(manager, "AWSCURRENT")
        step("prepare")
        step("promote")
        assert held(manager, "LAST") == before


def test_an_interrupted_promotion_is_completed_by_the_next_run(manager: Any) -> None:
    old = held(manager, "AWSCURRENT")
    step("prepare")
    new = held(manager, "NEXT")
    stages = manager.describe_secret(SecretId=NAMES[2])["VersionIdsToStages"]
    labelled = {label: version for version, labels in stages.items() for label in labels}
    manager.update_secret_version_stage(
        SecretId=NAMES[2],
        VersionStage="LAST",
        MoveToVersionId=labelled["AWSCURRENT"],
        **({"RemoveFromVersionId": labelled["LAST"]} if "LAST" in labelled else {}),
    )
    step("promote")
    assert [held(manager, label) for label in ("AWSCURRENT", "NEXT", "LAST")] == [new, None, old]


def test_an_immediate_rotation_leaves_only_one_accepted_value(manager: Any) -> None:
    step("prepare")
    leaked = {held(manager, "AWSCURRENT"), held(manager, "NEXT")}
    step("rotate")
    assert held(manager, "AWSCURRENT") not in leaked
    assert [held(manager, label) for label in ("NEXT", "LAST")] == [None, None]


def test_a_rotation_in_steps_of_any_other_secret_is_refused() -> None:
    refused = run_playbook(CONVERGE, "-e", json.dumps({"aws_secrets_prepare": ["database"]}))
    assert refused.returncode != 0
    assert "aws_secrets_prepare, _promote and _retire accept jwt only, not database" in refused.stdout


def test_a_plan_shows_a_rotation_and_changes_nothing(manager: Any) -> None:
    before = values(manager)
    plan = play(CONVERGE, "--check", "--diff", "-e", json.dumps({"aws_secrets_rotate": ["jwt"]}))
    assert "+rotated rising-stars/molecule/jwt" in plan
    assert values(manager) == before


def test_a_recreated_site_gets_its_deleted_secrets_back(manager: Any) -> None:
    before = values(manager)
    play(ABSENT, "-e", json.dumps({"aws_secrets_purge": False}))
    assert all(manager.describe_secret(SecretId=name)["DeletedDate"] for name in NAMES)
    assert "changed=0 " in play(ABSENT, "-e", json.dumps({"aws_secrets_purge": False}))
    play(CONVERGE)
    assert values(manager) == before
    assert "changed=0 " in play(CONVERGE)


def test_tags_changed_by_hand_are_corrected(manager: Any) -> None:
    manager.untag_resource(SecretId=NAMES[0], TagKeys=["Project"])
    manager.tag_resource(SecretId=NAMES[0], Tags=[{"Key": "Foreign", "Value": "yes"}])
    assert "changed=1 " in play(CONVERGE)
    tags = {tag["Key"] for tag in manager.describe_secret(SecretId=NAMES[0])["Tags"]}
    assert tags == {"Project", "Environment", "ManagedBy", "Role", "Name"}
