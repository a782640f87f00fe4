"""A new account has no service-linked roles: runs create them, and mock AWS behaves as AWS does without them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import play, run_playbook
from tests.roles.infrastructure import SMALL_DATABASE

pytestmark = pytest.mark.slow

ROLES = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "events.amazonaws.com": "AWSServiceRoleForCloudWatchEvents",
    "rds.amazonaws.com": "AWSServiceRoleForRDS",
}
DATABASE = {"DBInstanceIdentifier": "stars", **SMALL_DATABASE}


@pytest.fixture(autouse=True)
def without_roles(aws: MockAws) -> Iterator[None]:
    """After each test, stop the enforcement of IAM policies, and delete the service-linked roles."""
    aws.ensure_default_vpc()
    yield
    aws.judge_calls(after=1_000_000)
    for name in service_linked(aws):
        aws.client("iam").delete_service_linked_role(RoleName=name)


def service_linked(aws: MockAws) -> set[str]:
    """Return the names of the account's service-linked roles."""
    return {role["RoleName"] for role in aws.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]}


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "roles.yml"
    task = {"service_linked_roles": {"services": list(ROLES)}, "register": "made"}
    shown = {"ansible.builtin.debug": {"msg": "changed={{ made.changed }} {{ made.created }}"}}
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task, shown]}]))
    return path


def test_missing_roles_are_created_once_and_a_plan_creates_none(playbook: Path, aws: MockAws) -> None:
    aws.client("iam").create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    plan = play(playbook, "--check", env=aws.env)
    assert "changed=True" in plan
    assert "rds.amazonaws.com" in plan
    assert service_linked(aws) == {"AWSServiceRoleForAutoScaling"}
    assert "changed=True" in play(playbook, env=aws.env)
    assert service_linked(aws) == set(ROLES.values())
    before = len(aws.calls())
    assert "changed=False" in play(playbook, env=aws.env)
    assert [call for call in aws.calls()[before:] if call.writes] == []


def test_a_role_that_may_not_be_created_is_a_warning_that_names_the_command(playbook: Path, aws: MockAws) -> None:
    done = run_playbook(playbook, env={**aws.env, **restricted(aws, "iam:GetRole")})
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said
    assert "Cannot be created: the service-linked role AWSServiceRoleForRDS." in said
    assert "aws iam create-service-linked-role --aws-service-name rds.amazonaws.com" in said


def restricted(aws: MockAws, *actions: str) -> dict[str, str]:
    """Return the credentials of a new user who may perform only `actions`. Mock AWS then enforces IAM policies."""
    iam = aws.client("iam")
    name = "-".join(actions).translate(str.maketrans(":*", "--"))
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    aws.judge_calls()
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def refused(call: Any, **arguments: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]


def test_the_first_database_of_an_account_fails_once_and_then_succeeds(aws: MockAws) -> None:
    rds = aws.client("rds")
    error = refused(rds.create_db_instance, **DATABASE)
    assert error["Code"] == "InvalidParameterValue"
    assert "Verify that you have permission to create service linked role" in error["Message"]
    assert rds.create_db_instance(**DATABASE)["DBInstance"]["DBInstanceIdentifier"] == "stars"


GROUP_OF = "Where the database of {} stands"
DATABASE_PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [aws_database]
"""


def test_a_run_outlasts_the_failure_of_the_first_database(aws: MockAws, tmp_path: Path) -> None:
    ec2, iam, rds = aws.client("ec2"), aws.client("iam"), aws.client("rds")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com")
    rds.create_db_subnet_group(
        DBSubnetGroupName="first", DBSubnetGroupDescription=GROUP_OF.format("first"), SubnetIds=subnets
    )
    iam.delete_service_linked_role(RoleName="AWSServiceRoleForRDS")
    settings = {
        "aws_database_name": "first",
        "aws_database_subnet_ids": subnets,
        "aws_database_security_group_ids": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        "aws_database_password": "correct-horse-battery",
    }
    playbook = tmp_path / "database.yml"
    playbook.write_text(DATABASE_PLAY)
    before = len(aws.calls())
    play(playbook, "-e", json.dumps(settings), env=aws.env)
    assert aws.operations()[before:].count("CreateDBInstance") == 2
    assert [each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]].count("first") == 1


def test_a_subnet_group_needs_the_role_of_rds(aws: MockAws) -> None:
    ec2, rds = aws.client("ec2"), aws.client("rds")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    group = {"DBSubnetGroupName": "stars", "DBSubnetGroupDescription": "stars", "SubnetIds": subnets}
    for _ in range(2):
        assert "Missing necessary credentials" in refused(rds.create_db_subnet_group, **group)["Message"]
    aws.client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com")
    assert rds.create_db_subnet_group(**group)["DBSubnetGroup"]["DBSubnetGroupName"] == "stars"


def test_a_first_load_balancer_creates_its_role_only_for_a_caller_who_may(aws: MockAws) -> None:
    elb = aws.client("elbv2")
    subnets = [subnet["SubnetId"] for subnet in aws.client("ec2").describe_subnets()["Subnets"][:2]]
    elb.create_load_balancer(Name="stars", Subnets=subnets)
    assert service_linked(aws) == {"AWSServiceRoleForElasticLoadBalancing"}


def test_a_first_load_balancer_fails_for_a_caller_who_may_not_create_its_role(aws: MockAws) -> None:
    subnets = [subnet["SubnetId"] for subnet in aws.client("ec2").describe_subnets()["Subnets"][:2]]
    given = restricted(aws, "elasticloadbalancing:*", "ec2:*")
    credentials = {name.lower(): value for name, value in given.items()}
    elb = aws.client("elbv2", **credentials)
    error = refused(elb.create_load_balancer, Name="stars", Subnets=subnets)
    assert error["Code"] == "AccessDenied"
    assert "iam:CreateServiceLinkedRole" in error["Message"]
