"""A release is rolled out, replaced by another and rolled back: the tests share one mock AWS and run in order."""

import base64
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.account import release_in
from rehearsal.operator.whole_site import Operator, Run, machines
from tests.roles.infrastructure import provide

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]
RUNNING = {"Name": "instance-state-name", "Values": ["pending", "running"]}


class Machine(NamedTuple):
    """The image and user data from which a machine was started."""

    image_id: str
    user_data: str


@pytest.fixture(scope="module")
def operator(aws: MockAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator with several releases, whose bundles differ; each run names the release that it deploys."""
    folder = tmp_path_factory.mktemp("releases")
    settings = release_in(folder)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        (folder / f"{version}.tar.gz").write_text(f"the bundle of {version}")
    provide(aws)
    bundle = str(folder / "{{ aws_release_version }}.tar.gz")
    with machines(aws):
        yield Operator(aws, {"aws_release_ca_bundle": settings["aws_release_ca_bundle"], "aws_release_bundle": bundle})


def roll(operator: Operator, version: str) -> Run:
    return operator.succeed("roll_release", aws_release_version=version)


def running(aws: MockAws, role: str) -> set[Machine]:
    """Return the image and user data of each running machine of one kind."""
    ec2 = aws.client("ec2")
    found = ec2.describe_instances(Filters=[{"Name": "tag:Role", "Values": [role]}, RUNNING])
    return {
        Machine(instance["ImageId"], user_data_of(ec2, instance["InstanceId"]))
        for reservation in found["Reservations"]
        for instance in reservation["Instances"]
    }


def user_data_of(ec2: Any, instance_id: str) -> str:
    attribute = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    return base64.b64decode(attribute["UserData"]["Value"]).decode()


def site(aws: MockAws) -> dict[str, set[Machine]]:
    return {role: running(aws, role) for role in ("web", "worker")}


def release_of(machine: Machine) -> str:
    """Return the release that the machine's user data names."""
    (release,) = re.findall(r'"release": "([^"]+)"', machine.user_data)
    return str(release)


@pytest.fixture(scope="module")
def first(aws: MockAws, operator: Operator) -> dict[str, set[Machine]]:
    """The site after 1.0.0, the first release, was rolled out."""
    roll(operator, "1.0.0")
    return site(aws)


@pytest.fixture(scope="module")
def second(aws: MockAws, operator: Operator, first: dict[str, set[Machine]]) -> dict[str, set[Machine]]:
    """The site after 1.1.0 replaced 1.0.0."""
    refused = operator.run("roll_back")
    assert refused.code != 0
    assert "none was in service before 1.0.0" in said(refused)
    roll(operator, "1.1.0")
    after = site(aws)
    assert not first["web"] & after["web"]
    assert not first["worker"] & after["worker"]
    return after


def said(run: Run) -> str:
    """Return the run's output in one line, because Ansible wraps messages."""
    return " ".join(run.output.split())


@pytest.mark.usefixtures("second")
def test_a_plan_of_a_roll_back_names_the_release_and_writes_nothing(operator: Operator) -> None:
    plan = operator.succeed("roll_back", "--check")
    assert "Rolls back from release 1.1.0 to 1.0.0" in said(plan)
    assert plan.writes == {}


@pytest.mark.usefixtures("second")
def test_a_release_that_is_no_longer_kept_is_refused_with_a_list_of_kept_ones(operator: Operator) -> None:
    refused = operator.run("roll_back", version="0.9.0")
    assert refused.code != 0
    assert "Release 0.9.0 is not kept" in said(refused)
    assert "with -e version=…: 1.0.0, 1.1.0." in said(refused)
    assert refused.writes == {}


def test_a_roll_back_restores_image_and_user_data_of_the_previous_release_on_every_machine(
    operator: Operator, aws: MockAws, first: dict[str, set[Machine]], second: dict[str, set[Machine]]
) -> None:
    assert {release_of(machine) for machine in second["web"] | second["worker"]} == {"1.1.0"}
    back = operator.succeed("roll_back")
    assert site(aws) == first
    assert {release_of(machine) for machine in first["web"] | first["worker"]} == {"1.0.0"}
    assert "roll out the release that `make release` built last" in said(back)


@pytest.mark.usefixtures("second")
def test_a_second_roll_back_changes_nothing(operator: Operator, aws: MockAws, first: dict[str, set[Machine]]) -> None:
    again = operator.succeed("roll_back")
    assert again.changed == 0
    assert "Release 1.0.0 is in service" in said(again)
    assert site(aws) == first


def test_a_release_can_be_rolled_out_again_after_a_roll_back(
    operator: Operator, aws: MockAws, second: dict[str, set[Machine]]
) -> None:
    roll(operator, "1.1.0")
    assert site(aws) == second


def test_a_release_whose_machines_fail_to_start_keeps_the_web_group_and_a_roll_back_repairs_the_worker(
    operator: Operator, aws: MockAws, second: dict[str, set[Machine]]
) -> None:
    failed = operator.run("roll_release", aws_release_version="1.2.0", aws_web_fleet_image_id="ami-0000000000000dead")
    assert failed.code != 0
    assert "the refresh ended as RollbackSuccessful" in said(failed)
    half_way = site(aws)
    assert half_way["web"] == second["web"]
    assert {release_of(machine) for machine in half_way["worker"]} == {"1.2.0"}
    operator.succeed("roll_back")
    assert site(aws) == second
