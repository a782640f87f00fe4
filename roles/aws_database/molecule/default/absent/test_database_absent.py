"""Deleting the database leaves no resources behind."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_the_database_its_groups_snapshots_and_logs_are_deleted() -> None:
    rds = boto3.client("rds")
    assert rds.describe_db_instances()["DBInstances"] == []
    assert rds.describe_db_subnet_groups()["DBSubnetGroups"] == []
    assert rds.describe_db_parameter_groups()["DBParameterGroups"] == []
    assert rds.describe_db_snapshots()["DBSnapshots"] == []
    assert boto3.client("logs").describe_log_groups()["logGroups"] == []
