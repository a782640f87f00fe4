"""Tests that read and change the security groups through the EC2 API."""

from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.operator.playbooks import play

CONVERGE = Path(__file__).parents[1] / "converge.yml"
NAME = "rising-stars-molecule"
SHORT_NAMES = ("builder", "database", "load-balancer", "queue", "web", "worker")
PUBLIC = {"198.51.100.0/24", "203.0.113.0/24"}
WORLD = {"0.0.0.0/0"}
Way = tuple[str, int, int, str]
"""Protocol, first port, last port, and the peer: a CIDR block or a group's short name."""


@pytest.fixture
def ec2() -> Any:
    return boto3.client("ec2")


def read_groups(ec2: Any) -> dict[str, Any]:
    found = ec2.describe_security_groups(Filters=[{"Name": "tag:Environment", "Values": ["molecule"]}])
    return {group["GroupName"].removeprefix(f"{NAME}-"): group for group in found["SecurityGroups"]}


def ways(groups: dict[str, Any], permissions: list[Any]) -> set[Way]:
    names = {group["GroupId"]: short for short, group in groups.items()}
    found: set[Way] = set()
    for each in permissions:
        assert not each["PrefixListIds"]
        assert not each.get("Ipv6Ranges")
        ends = [block["CidrIp"] for block in each["IpRanges"]]
        ends += [names[pair["GroupId"]] for pair in each["UserIdGroupPairs"]]
        found |= {(each["IpProtocol"], each.get("FromPort", -1), each.get("ToPort", -1), end) for end in ends}
    return found


def tcp(port: int, ends: set[str]) -> set[Way]:
    return {("tcp", port, port, end) for end in ends}


INWARD: dict[str, set[Way]] = {
    "load-balancer": tcp(80, PUBLIC) | tcp(443, PUBLIC),
    "web": tcp(80, {"load-balancer"}),
    "worker": set(),
    "queue": tcp(6379, {"web", "worker"}),
    "database": tcp(5432, {"web", "worker"}),
    "builder": set(),
}
OUTWARD: dict[str, set[Way]] = {
    "load-balancer": tcp(80, {"web"}),
    "web": tcp(5432, {"database"}) | tcp(6379, {"queue"}) | tcp(443, WORLD),
    "worker": tcp(5432, {"database"}) | tcp(6379, {"queue"}) | tcp(443, WORLD),
    "queue": set(),
    "database": set(),
    "builder": tcp(80, WORLD) | tcp(443, WORLD),
}


def test_there_are_six_groups_each_with_its_tags(ec2: Any) -> None:
    groups = read_groups(ec2)
    assert sorted(groups) == list(SHORT_NAMES)
    for short, group in groups.items():
        assert {tag["Key"]: tag["Value"] for tag in group["Tags"]} == {
            "Project": "rising-stars",
            "Environment": "molecule",
            "ManagedBy": "ansible",
            "Role": "firewall",
            "Name": f"{NAME}-{short}",
        }


@pytest.mark.parametrize("short", SHORT_NAMES)
def test_each_group_admits_only_its_neighbours(ec2: Any, short: str) -> None:
    groups = read_groups(ec2)
    assert ways(groups, groups[short]["IpPermissions"]) == INWARD[short]


@pytest.mark.parametrize("short", SHORT_NAMES)
def test_each_group_allows_only_the_outbound_traffic_it_needs(ec2: Any, short: str) -> None:
    groups = read_groups(ec2)
    assert ways(groups, groups[short]["IpPermissionsEgress"]) == OUTWARD[short]


def test_a_port_opened_by_hand_is_shown_by_a_plan_and_closed_by_a_run(ec2: Any) -> None:
    web = read_groups(ec2)["web"]["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=web, CidrIp="0.0.0.0/0", IpProtocol="tcp", FromPort=22, ToPort=22)

    plan = play(CONVERGE, "--check", "--diff")
    assert "changed=1 " in plan
    assert "to_port: 22" in plan
    assert ("tcp", 22, 22, "0.0.0.0/0") in ways(read_groups(ec2), read_groups(ec2)["web"]["IpPermissions"])

    assert "changed=1 " in play(CONVERGE)
    assert ways(read_groups(ec2), read_groups(ec2)["web"]["IpPermissions"]) == INWARD["web"]
