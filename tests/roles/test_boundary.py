"""An operator tries to gain administrator rights through the machines' roles.

The tests evaluate the IAM policies themselves.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY, play
from rehearsal.operator.policy import BOUNDARY, FILES, boundary_arn, create_boundary, policies_of, refused

pytestmark = pytest.mark.slow

ENVIRONMENT = "molecule"
NAME = f"rising-stars-{ENVIRONMENT}"
PATH = f"/rising-stars/{ENVIRONMENT}/"
OURS, OTHERS = boundary_arn(ENVIRONMENT), boundary_arn("rehearsal")
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)
Attack = Callable[[Any, str], object]
"""Sends a request to IAM, given a client and a role's name."""

ON_A_NEW_ROLE: dict[str, Attack] = {
    "without a boundary": lambda iam, role: iam.create_role(RoleName=role, Path=PATH, AssumeRolePolicyDocument=TRUST),
    "with an administrator's": lambda iam, role: iam.create_role(
        RoleName=role, Path=PATH, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=ADMINISTRATOR
    ),
    "with another environment's": lambda iam, role: iam.create_role(
        RoleName=role, Path=PATH, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=OTHERS
    ),
    "outside of the path": lambda iam, role: iam.create_role(
        RoleName=role, Path="/", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=OURS
    ),
}
ON_A_ROLE_OF_A_MACHINE: dict[str, Attack] = {
    "detach the boundary": lambda iam, role: iam.delete_role_permissions_boundary(RoleName=role),
    "exchange the boundary": lambda iam, role: iam.put_role_permissions_boundary(
        RoleName=role, PermissionsBoundary=ADMINISTRATOR
    ),
    "attach an administrator's policy": lambda iam, role: iam.attach_role_policy(
        RoleName=role, PolicyArn=ADMINISTRATOR
    ),
    "trust every account": lambda iam, role: iam.update_assume_role_policy(RoleName=role, PolicyDocument=TRUST),
}
ON_THE_BOUNDARY: dict[str, Attack] = {
    "a new version": lambda iam, _: iam.create_policy_version(PolicyArn=OURS, PolicyDocument=ALL, SetAsDefault=True),
    "another version": lambda iam, _: iam.set_default_policy_version(PolicyArn=OURS, VersionId="v1"),
    "a version less": lambda iam, _: iam.delete_policy_version(PolicyArn=OURS, VersionId="v2"),
    "one more policy": lambda iam, role: iam.create_policy(PolicyName=role, PolicyDocument=ALL),
    "none": lambda iam, _: iam.delete_policy(PolicyArn=OURS),
}
ON_A_ROLE_OF_OTHERS: dict[str, Attack] = {
    "a policy": lambda iam, role: iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=ALL),
    "trust": lambda iam, role: iam.update_assume_role_policy(RoleName=role, PolicyDocument=TRUST),
    "our boundary": lambda iam, role: iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=OURS),
    "no boundary": lambda iam, role: iam.delete_role_permissions_boundary(RoleName=role),
    "its end": lambda iam, role: iam.delete_role(RoleName=role),
}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def iam(aws: MockAws) -> Any:
    """An IAM client of an account in which an administrator has created this environment's boundary."""
    client = aws.client("iam")
    create_boundary(client, ENVIRONMENT)
    return client


@pytest.fixture
def role() -> str:
    """An unused name for a role."""
    return f"{NAME}-{next(numbers)}"


def judged(aws: MockAws, ask: Callable[[], object]) -> list[str]:
    """Call `ask`; return the permissions that its requests need and that the operator's policies do not grant."""
    before = aws.calls()
    ask()
    return refused(aws.calls()[len(before) :], ENVIRONMENT, FILES, before=before)


@pytest.mark.parametrize("attack", ON_A_NEW_ROLE.values(), ids=list(ON_A_NEW_ROLE))
def test_a_role_can_only_be_created_with_the_boundary(aws: MockAws, iam: Any, role: str, attack: Attack) -> None:
    assert "iam:CreateRole" in "".join(judged(aws, lambda: attack(iam, role)))


def test_a_role_within_the_boundary_may_have_any_policy(aws: MockAws, iam: Any, role: str) -> None:
    def make() -> None:
        iam.create_role(RoleName=role, Path=PATH, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=OURS)
        iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=ALL)

    assert judged(aws, make) == []


def test_a_role_older_than_the_boundary_gets_it_before_any_policy(aws: MockAws, iam: Any, role: str) -> None:
    iam.create_role(RoleName=role, Path=PATH, AssumeRolePolicyDocument=TRUST)
    put = {"RoleName": role, "PolicyName": "all", "PolicyDocument": ALL}
    assert judged(aws, lambda: iam.put_role_policy(**put)) == [
        f"iam:PutRolePolicy on arn:aws:iam::123456789012:role{PATH}{role}"
    ]
    assert judged(aws, lambda: iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=OURS)) == []
    assert judged(aws, lambda: iam.put_role_policy(**put)) == []


@pytest.mark.parametrize("attack", ON_A_ROLE_OF_A_MACHINE.values(), ids=list(ON_A_ROLE_OF_A_MACHINE))
def test_a_machines_role_keeps_boundary_and_trust(aws: MockAws, iam: Any, role: str, attack: Attack) -> None:
    iam.create_role(RoleName=role, Path=PATH, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=OURS)
    assert judged(aws, lambda: attack(iam, role)) != []


@pytest.mark.parametrize("attack", ON_A_ROLE_OF_OTHERS.values(), ids=list(ON_A_ROLE_OF_OTHERS))
def test_a_role_of_another_environment_is_out_of_reach(aws: MockAws, iam: Any, role: str, attack: Attack) -> None:
    path = "/rising-stars/rehearsal/"
    iam.create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=OTHERS)
    assert judged(aws, lambda: attack(iam, role)) != []


def test_every_permission_of_the_machines_is_within_the_boundary(aws: MockAws, iam: Any) -> None:
    play(REPOSITORY / "roles/aws_identity/molecule/default/converge.yml", env=aws.env)
    for kind in ("web", "worker", "builder"):
        document = iam.get_role_policy(RoleName=f"{NAME}-{kind}", PolicyName=kind)["PolicyDocument"]
        assert document["Statement"]
        assert exceeding(document["Statement"]) == []


def test_every_permission_of_the_flow_logs_is_within_the_boundary() -> None:
    template = yaml.safe_load((REPOSITORY / "roles/aws_network/files/flow_logs.yml").read_text())
    role = template["Resources"]["Role"]["Properties"]
    assert role["PermissionsBoundary"] == {"Ref": "PermissionsBoundary"}
    group = template["Resources"]["LogGroup"]["Properties"]["LogGroupName"]["Fn::Sub"].replace("${Name}", NAME)
    (policy,) = role["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        # The ARN that AWS returns for a log group includes its streams (`:*`).
        written = {**statement, "Resource": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}
        assert exceeding([written]) == []


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "iam:CreateUser", "Resource": "*"},
        {"Action": "secretsmanager:GetSecretValue", "Resource": "*"},
        {"Action": "cloudwatch:PutMetricData", "Resource": "*"},
        {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::rising-stars-production-media-1-us-east-1/posters/*"},
    ],
)
def test_a_permission_that_exceeds_the_boundary_is_found(statement: dict[str, Any]) -> None:
    assert exceeding([{"Effect": "Allow", **statement}]) != []


def exceeding(statements: list[dict[str, Any]]) -> list[str]:
    """Return the permissions that the statements allow but the boundary does not."""
    return policies_of(ENVIRONMENT, [BOUNDARY]).exceeded_by(statements)


def test_the_boundary_fits_into_a_policy_and_is_not_attached_to_the_operator() -> None:
    assert BOUNDARY not in FILES
    assert len("".join(BOUNDARY.read_text().split())) <= 6144 - 100
    assert Path(BOUNDARY).parent.parent == FILES[0].parent


# These tests must come last: moto enforces no policies here, so their requests succeed and change the boundary.
@pytest.mark.parametrize("attack", ON_THE_BOUNDARY.values(), ids=list(ON_THE_BOUNDARY))
def test_the_operator_cannot_change_the_boundary(aws: MockAws, iam: Any, role: str, attack: Attack) -> None:
    assert judged(aws, lambda: attack(iam, role)) != []
