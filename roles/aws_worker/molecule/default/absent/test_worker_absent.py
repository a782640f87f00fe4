"""Tests that the worker, the extra workers and all their resources are deleted."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_alarms_dns_record_groups_and_templates_are_deleted() -> None:
    route53 = boto3.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    assert boto3.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert [record["Name"] for record in records if record["Type"] == "A"] == []
    assert boto3.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert boto3.client("ec2").describe_launch_templates()["LaunchTemplates"] == []
