"""The runbook's commands that copy the database as of an earlier point in time, run by Bash against mock AWS."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator import policy
from rehearsal.operator.playbooks import REPOSITORY
from tests.roles.infrastructure import SMALL_DATABASE

pytestmark = pytest.mark.slow

ENVIRONMENT = "staging"
NAME = f"rising-stars-{ENVIRONMENT}"
COPY = f"{NAME}-before"
SECTION = re.compile(r"\n### Go back to an earlier moment\n(.+?)\n## ", re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
VARIABLES = {"N": NAME, "E": ENVIRONMENT, "MOMENT": "2026-11-24T07:00:00Z"}


def commands() -> list[str]:
    """Return the section's commands in order, without the assignment of MOMENT and the playbooks' commands."""
    section = SECTION.search((REPOSITORY / "docs/runbook.md").read_text())
    assert section
    found = [command for block in section[1].split("```")[1::2] for command in COMMAND.findall(block)]
    assert found[0] == "MOMENT=…"
    assert [command.split("/")[-1].split(".yml")[0] for command in found[-2:]] == [
        "destroy_infrastructure",
        "restore_site",
    ]
    return found[1:-2]


@pytest.fixture
def site(fresh_aws: MockAws) -> Any:
    """Create a database as aws_database does, in its own VPC, and return an RDS client."""
    fresh_aws.prepare_for_databases()
    ec2, rds = fresh_aws.client("ec2"), fresh_aws.client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")
        for number, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName=f"{NAME}-database", Description="database", VpcId=vpc)["GroupId"]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    rds.create_db_subnet_group(DBSubnetGroupName=NAME, DBSubnetGroupDescription="data", SubnetIds=ids)
    rds.create_db_parameter_group(
        DBParameterGroupName=f"{NAME}-postgres15", DBParameterGroupFamily="postgres15", Description="TLS"
    )
    rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        EngineVersion="15",
        **SMALL_DATABASE,
        DBSubnetGroupName=NAME,
        VpcSecurityGroupIds=[group],
        DBParameterGroupName=f"{NAME}-postgres15",
        PubliclyAccessible=False,
    )
    return rds


def run(aws: MockAws, script: str, folder: Path) -> None:
    program = folder / "aws"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {REPOSITORY}/tests/roles/aws_cli.py "$@"\n')
    program.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script],
        env={**os.environ, **aws.env, **VARIABLES, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def place_of(database: dict[str, Any]) -> dict[str, Any]:
    return {
        "subnets": database.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "security": [group["VpcSecurityGroupId"] for group in database["VpcSecurityGroups"]],
        "parameters": [group["DBParameterGroupName"] for group in database["DBParameterGroups"]],
        "public": database["PubliclyAccessible"],
    }


def databases(rds: Any) -> dict[str, Any]:
    return {found["DBInstanceIdentifier"]: place_of(found) for found in rds.describe_db_instances()["DBInstances"]}


def test_the_copy_is_in_the_sites_network_with_its_rules(site: Any, fresh_aws: MockAws, tmp_path: Path) -> None:
    until_available = commands()[:3]
    run(fresh_aws, "\n".join(until_available), tmp_path)
    found = databases(site)
    assert found[COPY] == found[NAME]
    assert found[NAME]["subnets"] == NAME


def test_without_the_groups_the_copy_would_be_in_the_default_network(site: Any) -> None:
    site.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=NAME, TargetDBInstanceIdentifier=COPY, UseLatestRestorableTime=True
    )
    found = databases(site)
    assert found[COPY]["subnets"] is None
    assert found[COPY]["security"] != found[NAME]["security"]
    assert found[COPY]["parameters"] == ["default.postgres15"]


def test_only_the_snapshot_of_the_copy_remains_for_the_restore(site: Any, fresh_aws: MockAws, tmp_path: Path) -> None:
    before = len(fresh_aws.calls())
    run(fresh_aws, "\n".join(commands()), tmp_path)
    assert list(databases(site)) == [NAME]
    snapshots = site.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert [snapshot["DBSnapshotIdentifier"] for snapshot in snapshots] == [f"{COPY}-1"]
    calls = fresh_aws.calls()[before:]
    assert len(calls) >= 8
    assert policy.refused(calls, ENVIRONMENT, policy.attached("restore")) == []
