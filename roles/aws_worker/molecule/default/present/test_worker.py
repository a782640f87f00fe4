"""Tests of the worker through the AWS API."""

import hashlib
from typing import Any

import boto3
import pytest

NAME = "rising-stars-molecule-worker"
TOPIC = "arn:aws:sns:us-east-1:123456789012:rising-stars-molecule-alarms"
TAGS = {"Project": "rising-stars", "Environment": "molecule", "ManagedBy": "ansible", "Role": "worker", "Name": NAME}


@pytest.fixture(scope="module")
def ec2() -> Any:
    return boto3.client("ec2")


@pytest.fixture(scope="module")
def machine(ec2: Any) -> Any:
    (reservation,) = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [NAME]}])["Reservations"]
    return reservation["Instances"][0]


@pytest.fixture(scope="module")
def alarms() -> dict[str, Any]:
    answer = boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]
    return {alarm["AlarmName"].removeprefix(f"{NAME}-"): alarm for alarm in answer}


def as_dict(tags: list[dict[str, Any]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_the_worker_has_its_address_in_the_first_private_subnet_and_no_public_one(ec2: Any, machine: Any) -> None:
    (subnet,) = ec2.describe_subnets(SubnetIds=[machine["SubnetId"]])["Subnets"]
    assert machine["State"]["Name"] == "running"
    assert (machine["PrivateIpAddress"], subnet["CidrBlock"]) == ("10.20.16.10", "10.20.16.0/24")
    assert "PublicIpAddress" not in machine


def test_the_security_groups_are_worker_and_queue(machine: Any) -> None:
    (card,) = machine["NetworkInterfaces"]
    assert sorted(group["GroupName"] for group in card["Groups"]) == ["queue", "worker"]
    assert card["Attachment"]["DeleteOnTermination"] is True


def test_instance_metadata_is_restricted_to_the_machine_itself(machine: Any) -> None:
    options = machine["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)


def test_the_disk_is_encrypted_and_deleted_with_the_machine(ec2: Any, machine: Any) -> None:
    (attached,) = machine["BlockDeviceMappings"]
    (disk,) = ec2.describe_volumes(VolumeIds=[attached["Ebs"]["VolumeId"]])["Volumes"]
    assert attached["DeviceName"] == "/dev/xvda"
    assert attached["Ebs"]["DeleteOnTermination"] is True
    assert (disk["Encrypted"], disk["VolumeType"], disk["Size"]) == (True, "gp3", 60)


def test_the_worker_has_the_configured_image_and_type_and_may_be_terminated(ec2: Any, machine: Any) -> None:
    protected = ec2.describe_instance_attribute(InstanceId=machine["InstanceId"], Attribute="disableApiTermination")
    assert (machine["ImageId"], machine["InstanceType"]) == ("ami-0debian1200000001", "c6i.large")
    assert machine["IamInstanceProfile"]["Arn"].endswith(":instance-profile/worker")
    assert protected["DisableApiTermination"]["Value"] is False


def test_machine_and_disk_have_the_environments_tags(ec2: Any, machine: Any) -> None:
    (disk,) = ec2.describe_volumes(VolumeIds=[machine["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]])["Volumes"]
    sha256 = hashlib.sha256(b"#!/bin/sh\necho first\n").hexdigest()
    assert as_dict(machine["Tags"]) == {**TAGS, "UserDataSha256": sha256, "VolumeGib": "60"}
    assert TAGS.items() <= as_dict(disk["Tags"]).items()


def test_the_queues_dns_record_has_the_workers_address() -> None:
    route53 = boto3.client("route53")
    (zone,) = route53.list_hosted_zones_by_name(DNSName="molecule.internal")["HostedZones"]
    records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    (queue,) = [record for record in records if record["Name"] == "queue.molecule.internal."]
    assert (queue["Type"], queue["TTL"], queue["ResourceRecords"]) == ("A", 60, [{"Value": "10.20.16.10"}])


def test_the_alarms_watch_this_machine_and_name_their_runbook_section(alarms: dict[str, Any], machine: Any) -> None:
    assert sorted(alarms) == ["gone", "instance-check", "system-check"]
    for slug, alarm in alarms.items():
        assert (alarm["Namespace"], alarm["Period"], alarm["Statistic"]) == ("AWS/EC2", 60, "Maximum")
        assert alarm["Dimensions"] == [{"Name": "InstanceId", "Value": machine["InstanceId"]}]
        assert alarm["AlarmDescription"].endswith(f" docs/runbook.md#worker-{slug}")


def test_failed_hardware_triggers_a_recovery_and_a_hung_system_a_reboot(alarms: dict[str, Any]) -> None:
    system, instance = alarms["system-check"], alarms["instance-check"]
    assert (system["MetricName"], system["EvaluationPeriods"]) == ("StatusCheckFailed_System", 2)
    assert system["AlarmActions"] == ["arn:aws:automate:us-east-1:ec2:recover", TOPIC]
    assert (instance["MetricName"], instance["EvaluationPeriods"]) == ("StatusCheckFailed_Instance", 3)
    assert instance["AlarmActions"] == ["arn:aws:automate:us-east-1:ec2:reboot", TOPIC]
    assert {alarm["Threshold"] for alarm in (system, instance)} == {1.0}
    assert {alarm["ComparisonOperator"] for alarm in (system, instance)} == {"GreaterThanOrEqualToThreshold"}


def test_missing_data_of_a_terminated_machine_raises_an_alarm(alarms: dict[str, Any]) -> None:
    gone = alarms["gone"]
    assert (gone["MetricName"], gone["TreatMissingData"]) == ("StatusCheckFailed", "breaching")
    assert gone["AlarmActions"] == gone["OKActions"] == [TOPIC]
    assert gone["Threshold"] > 1  # the metric is never above 1, so only missing data raises this alarm


def test_there_are_no_extra_workers_by_default(ec2: Any) -> None:
    assert boto3.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
