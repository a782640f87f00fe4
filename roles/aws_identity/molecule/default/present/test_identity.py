"""Tests that read and change the roles and their policies through the IAM API.

The tests in tests/roles check what the policies allow.
"""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.operator.playbooks import play

CONVERGE = Path(__file__).parents[1] / "converge.yml"
NAME = "rising-stars-molecule"
PATH = "/rising-stars/molecule/"
KINDS = ("web", "worker", "builder")
HERE = "us-east-1:123456789012"
BUCKET = "arn:aws:s3:::rising-stars-molecule-media-123456789012-us-east-1"
BOUNDARY = "arn:aws:iam::123456789012:policy/rising-stars-molecule-boundary"
Statement = dict[str, Any]


@pytest.fixture
def iam() -> Any:
    return boto3.client("iam")


def statements(iam: Any, kind: str) -> dict[str, Statement]:
    """Return the statements of the role's only policy by their Sid."""
    role = f"{NAME}-{kind}"
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == [kind]
    document = iam.get_role_policy(RoleName=role, PolicyName=kind)["PolicyDocument"]
    assert document["Version"] == "2012-10-17"
    assert all(statement["Effect"] == "Allow" for statement in document["Statement"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def grants(iam: Any, kind: str) -> dict[str, tuple[str, ...]]:
    """Return each allowed action with the resources on which it is allowed."""
    found: dict[str, list[str]] = {}
    for statement in statements(iam, kind).values():
        for action in as_list(statement["Action"]):
            found.setdefault(action, []).extend(as_list(statement["Resource"]))
    return {action: tuple(sorted(resources)) for action, resources in found.items()}


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def media(*folders: str) -> tuple[str, ...]:
    return tuple(f"{BUCKET}/{folder}/*" for folder in sorted(folders))


def secrets(*names: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:secretsmanager:{HERE}:secret:rising-stars/molecule/{name}-??????" for name in names)


EVERY_MACHINE = {
    "s3:GetObject": (f"{BUCKET}/releases/*",),
    "ec2:CreateTags": (f"arn:aws:ec2:{HERE}:instance/*",),
    **dict.fromkeys(
        (
            "ssm:ListInstanceAssociations",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ),
        ("*",),
    ),
}


def logs(kind: str) -> dict[str, tuple[str, ...]]:
    streams = f"arn:aws:logs:{HERE}:log-group:/rising-stars/molecule/{kind}:*"
    return dict.fromkeys(("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"), (streams,))


SITE_MACHINE = EVERY_MACHINE | {
    **dict.fromkeys(
        ("ssm:GetParameter", "ssm:GetParameters"), (f"arn:aws:ssm:{HERE}:parameter/rising-stars/molecule/*",)
    ),
    "secretsmanager:GetSecretValue": secrets("database", "doorbell", "redis"),
    "cloudwatch:PutMetricData": ("*",),
    **dict.fromkeys(
        ("autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"),
        (f"arn:aws:autoscaling:{HERE}:autoScalingGroup:*:autoScalingGroupName/{NAME}-*",),
    ),
    "s3:ListBucket": (BUCKET,),
    "s3:GetObject": media("posters", "processed-videos", "releases", "unprocessed-videos"),
}
EXPECTED = {
    "builder": EVERY_MACHINE | logs("builder"),
    "web": SITE_MACHINE
    | logs("web")
    | {"secretsmanager:GetSecretValue": secrets("database", "doorbell", "jwt", "redis", "verification")}
    | dict.fromkeys(("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"), media("unprocessed-videos")),
    "worker": SITE_MACHINE
    | logs("worker")
    | dict.fromkeys(("s3:PutObject", "s3:AbortMultipartUpload"), media("posters", "processed-videos"))
    | {"s3:DeleteObject": media("posters", "processed-videos", "unprocessed-videos")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_role_allows_exactly_what_its_machines_do(iam: Any, kind: str) -> None:
    assert grants(iam, kind) == EXPECTED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_each_role_has_the_boundary(iam: Any, kind: str) -> None:
    assert boundary(iam, kind) == BOUNDARY


def test_a_boundary_removed_by_hand_is_shown_by_a_plan_and_restored_by_a_run(iam: Any) -> None:
    iam.delete_role_permissions_boundary(RoleName=f"{NAME}-worker")
    assert "changed=1 " in play(CONVERGE, "--check")
    assert boundary(iam, "worker") is None
    play(CONVERGE)
    assert boundary(iam, "worker") == BOUNDARY


def boundary(iam: Any, kind: str) -> str | None:
    role = iam.get_role(RoleName=f"{NAME}-{kind}")["Role"]
    return dict(role.get("PermissionsBoundary", {})).get("PermissionsBoundaryArn")


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_may_set_only_its_own_boot_tags(iam: Any, kind: str) -> None:
    assert statements(iam, kind)["TagOwnInstance"]["Condition"] == {
        "ArnEquals": {"ec2:SourceInstanceARN": f"arn:aws:ec2:{HERE}:instance/${{ec2:InstanceID}}"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["BootStatus", "Release"]},
    }


@pytest.mark.parametrize("kind", ["web", "worker"])
def test_a_machine_may_push_metrics_only_to_the_environments_namespace(iam: Any, kind: str) -> None:
    condition = {"StringEquals": {"cloudwatch:namespace": "RisingStars/molecule"}}
    assert statements(iam, kind)["PushMetrics"]["Condition"] == condition


@pytest.mark.parametrize("kind", ["web", "worker"])
def test_a_machine_may_list_the_bucket_only_under_the_media_prefixes(iam: Any, kind: str) -> None:
    prefixes = ["unprocessed-videos/*", "processed-videos/*", "posters/*"]
    assert statements(iam, kind)["ListMedia"]["Condition"] == {"StringLike": {"s3:prefix": prefixes}}


@pytest.mark.parametrize("kind", KINDS)
def test_only_ec2_may_assume_a_role_and_its_profile_has_no_other_role(iam: Any, kind: str) -> None:
    role = iam.get_role(RoleName=f"{NAME}-{kind}")["Role"]
    profile = iam.get_instance_profile(InstanceProfileName=f"{NAME}-{kind}")["InstanceProfile"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    assert (role["Path"], profile["Path"]) == (PATH, PATH)
    assert [worn["Arn"] for worn in profile["Roles"]] == [role["Arn"]]
    for thing in (role, profile):
        assert {tag["Key"]: tag["Value"] for tag in thing["Tags"]} == {
            "Project": "rising-stars",
            "Environment": "molecule",
            "ManagedBy": "ansible",
            "Role": "identity",
            "Name": f"{NAME}-{kind}",
        }


def test_permissions_added_by_hand_are_shown_by_a_plan_and_removed_by_a_run(iam: Any) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    role = f"{NAME}-web"
    iam.put_role_policy(RoleName=role, PolicyName="by-hand", PolicyDocument=json.dumps(everything))
    iam.put_role_policy(RoleName=role, PolicyName="web", PolicyDocument=json.dumps(everything))
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")

    assert "changed=3 " in play(CONVERGE, "--check", "--diff")
    assert sorted(iam.list_role_policies(RoleName=role)["PolicyNames"]) == ["by-hand", "web"]

    play(CONVERGE)
    assert grants(iam, "web") == EXPECTED["web"]
    assert "changed=0 " in play(CONVERGE)
