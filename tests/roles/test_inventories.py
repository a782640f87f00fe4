"""The AWS inventories list the machines that a push configures, and define how it connects to them."""

import json
import os
import subprocess
from typing import Any

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import PROGRAM, REPOSITORY

pytestmark = pytest.mark.slow

ENVIRONMENTS = ("production", "staging", "rehearsal")
KINDS = ("web", "worker", "extra_worker", "builder")


@pytest.fixture(scope="module")
def machines(aws: MockAws) -> dict[tuple[str, str], str]:
    """The instance IDs of one machine of each kind in each environment."""
    aws.ensure_default_vpc()
    ec2 = aws.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    made = {}
    for environment in ENVIRONMENTS:
        for kind in KINDS:
            named = {"Project": "rising-stars", "Environment": environment, "Role": kind}
            tags = [{"Key": key, "Value": value} for key, value in named.items()]
            specification = [{"ResourceType": "instance", "Tags": tags}]
            answer = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=specification)
            made[environment, kind] = answer["Instances"][0]["InstanceId"]
    return made


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_push_reaches_the_machines_of_its_environment_by_their_kind(
    environment: str, aws: MockAws, machines: dict[tuple[str, str], str]
) -> None:
    found = inventory(environment, aws)
    for kind in KINDS:
        (host,) = found[kind]["hosts"]
        assert host == machines[environment, kind]
    pushed_to = {machines[environment, kind] for kind in KINDS if kind != "builder"}
    assert set(found["machines"]["hosts"]) == pushed_to
    for host in pushed_to:
        facts = found["_meta"]["hostvars"][host]
        assert machines[environment, plain(facts["host_kind"])] == host == plain(facts["ansible_host"])
        assert facts["ansible_connection"] == "amazon.aws.aws_ssm"


def plain(marked: dict[str, str]) -> str:
    """Unwrap a value from AWS, which Ansible marks as unsafe so that it is never evaluated as a template."""
    return marked["__ansible_unsafe"]


def inventory(environment: str, aws: MockAws) -> dict[str, Any]:
    """Return the environment's inventory as `ansible-inventory` lists it."""
    done = subprocess.run(
        [str(PROGRAM.with_name("ansible-inventory")), "-i", f"inventory/{environment}", "--list"],
        cwd=REPOSITORY,
        env={**os.environ, **aws.env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
