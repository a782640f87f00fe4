"""Tests that read and change the database through the RDS API."""

import os
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

NAME = "rising-stars-molecule"
LOG_GROUPS = [f"/aws/rds/instance/{NAME}/postgresql", f"/aws/rds/instance/{NAME}/upgrade"]
TAGS = {"Project": "rising-stars", "Environment": "molecule", "ManagedBy": "ansible", "Role": "database"}


@pytest.fixture(scope="module")
def rds() -> Any:
    return boto3.client("rds")


@pytest.fixture
def database(rds: Any) -> Any:
    (only,) = rds.describe_db_instances()["DBInstances"]
    return only


def tags_of(rds: Any, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in rds.list_tags_for_resource(ResourceName=arn)["TagList"]}


def test_it_runs_postgresql_15_with_automatic_minor_upgrades(database: Any) -> None:
    assert database["DBInstanceIdentifier"] == NAME
    assert (database["Engine"], database["EngineVersion"].split(".")[0]) == ("postgres", "15")
    assert database["AutoMinorVersionUpgrade"] is True
    assert (database["DBName"], database["MasterUsername"]) == ("rising_stars", "rising_stars")


def test_it_is_in_the_data_subnets_and_not_publicly_accessible(rds: Any, database: Any) -> None:
    data = boto3.client("ec2").describe_subnets(Filters=[{"Name": "tag:Tier", "Values": ["data"]}])["Subnets"]
    (group,) = rds.describe_db_subnet_groups(DBSubnetGroupName=database["DBSubnetGroup"]["DBSubnetGroupName"])[
        "DBSubnetGroups"
    ]
    assert {subnet["SubnetIdentifier"] for subnet in group["Subnets"]} == {subnet["SubnetId"] for subnet in data}
    assert database["PubliclyAccessible"] is False


def test_its_only_security_group_is_the_given_one(database: Any) -> None:
    (group,) = database["VpcSecurityGroups"]
    (named,) = boto3.client("ec2").describe_security_groups(GroupIds=[group["VpcSecurityGroupId"]])["SecurityGroups"]
    assert named["GroupName"] == f"{NAME}-database"


def test_connections_require_tls(rds: Any, database: Any) -> None:
    (used,) = database["DBParameterGroups"]
    (group,) = rds.describe_db_parameter_groups(DBParameterGroupName=used["DBParameterGroupName"])["DBParameterGroups"]
    parameters = rds.describe_db_parameters(DBParameterGroupName=used["DBParameterGroupName"])["Parameters"]
    values = {parameter["ParameterName"]: parameter.get("ParameterValue") for parameter in parameters}
    assert group["DBParameterGroupFamily"] == "postgres15"
    assert values["rds.force_ssl"] == "1"
    assert database["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"


def test_its_storage_is_encrypted_and_grows_by_itself(database: Any) -> None:
    assert database["StorageEncrypted"] is True
    assert database["StorageType"] == "gp3"
    assert (database["AllocatedStorage"], database["MaxAllocatedStorage"]) == (20, 100)


def test_backups_are_kept_for_a_week(database: Any) -> None:
    assert database["BackupRetentionPeriod"] == 7
    assert database["PreferredBackupWindow"] == "07:00-07:30"
    assert database["PreferredMaintenanceWindow"] == "mon:08:00-mon:08:30"
    assert database["CopyTagsToSnapshot"] is True


def test_deletion_protection_is_on(rds: Any, database: Any) -> None:
    assert database["DeletionProtection"] is True
    with pytest.raises(rds.exceptions.ClientError, match="protect"):
        rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)


def test_its_log_groups_have_a_retention_and_tags(database: Any) -> None:
    assert sorted(database["EnabledCloudwatchLogsExports"]) == ["postgresql", "upgrade"]
    logs = boto3.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/rds/")["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == dict.fromkeys(LOG_GROUPS, 30)
    for group in groups:
        assert logs.list_tags_log_group(logGroupName=group["logGroupName"])["tags"] == {
            **TAGS,
            "Name": group["logGroupName"],
        }


def test_the_database_and_its_groups_have_their_tags(rds: Any, database: Any) -> None:
    (parameters,) = rds.describe_db_parameter_groups(DBParameterGroupName=f"{NAME}-postgres15")["DBParameterGroups"]
    assert tags_of(rds, database["DBInstanceArn"]) == {**TAGS, "Name": NAME}
    assert tags_of(rds, database["DBSubnetGroup"]["DBSubnetGroupArn"]) == {**TAGS, "Name": NAME}
    assert tags_of(rds, parameters["DBParameterGroupArn"]) == {**TAGS, "Name": f"{NAME}-postgres15"}


def test_automatic_upgrades_and_storage_growth_are_no_drift_and_the_password_is_not_read(rds: Any) -> None:
    asked = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "asked"
    before = asked.read_text()
    rds.modify_db_instance(DBInstanceIdentifier=NAME, EngineVersion="15.99", AllocatedStorage=35, ApplyImmediately=True)
    again = converge()
    (database,) = rds.describe_db_instances()["DBInstances"]
    assert "changed=0 " in again
    assert (database["EngineVersion"], database["AllocatedStorage"]) == ("15.99", 35)
    assert asked.read_text() == before


def test_a_change_made_by_hand_is_corrected(rds: Any) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=NAME, DeletionProtection=False, BackupRetentionPeriod=1)
    rds.modify_db_parameter_group(
        DBParameterGroupName=f"{NAME}-postgres15",
        Parameters=[{"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}],
    )
    assert "changed=2 " in converge()
    (database,) = rds.describe_db_instances()["DBInstances"]
    parameters = rds.describe_db_parameters(DBParameterGroupName=f"{NAME}-postgres15")["Parameters"]
    assert (database["DeletionProtection"], database["BackupRetentionPeriod"]) == (True, 7)
    assert next(p["ParameterValue"] for p in parameters if p["ParameterName"] == "rds.force_ssl") == "1"


def converge() -> str:
    """Run the role again, and return Ansible's output."""
    scenario = os.environ["MOLECULE_SCENARIO_DIRECTORY"]
    command = ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], f"{scenario}/converge.yml"]
    # The command contains no external input and runs without a shell.
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stdout
    return ran.stdout
