"""Tests of changes to the workers. They run after test_worker.py, because they replace machines."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.operator.playbooks import run_playbook

WORKER = "rising-stars-molecule-worker"
EXTRA = "rising-stars-molecule-extra-workers"
SCENARIO = Path(__file__).parents[1]
THERE = ["pending", "running", "stopping", "stopped"]


@pytest.fixture(scope="module")
def ec2() -> Any:
    return boto3.client("ec2")


@pytest.fixture(scope="module")
def autoscaling() -> Any:
    return boto3.client("autoscaling")


def converge(*options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the scenario's converge.yml again with changed settings."""
    changed = json.dumps({f"aws_worker_{key}": value for key, value in settings.items()})
    return run_playbook(SCENARIO / "converge.yml", "-e", changed, *options)


def worker(ec2: Any) -> Any:
    """Return the only worker that is not terminated."""
    wanted = [{"Name": "tag:Name", "Values": [WORKER]}, {"Name": "instance-state-name", "Values": THERE}]
    (reservation,) = ec2.describe_instances(Filters=wanted)["Reservations"]
    return reservation["Instances"][0]


def group(autoscaling: Any) -> Any:
    (only,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[EXTRA])["AutoScalingGroups"]
    return only


def watched_machines() -> dict[str, str]:
    """Return the machine that each alarm watches, by the last part of the alarm's name."""
    alarms = boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{WORKER}-")["MetricAlarms"]
    return {alarm["AlarmName"].removeprefix(f"{WORKER}-"): alarm["Dimensions"][0]["Value"] for alarm in alarms}


def all_watch(machine: Any) -> dict[str, str]:
    return dict.fromkeys(("gone", "instance-check", "system-check"), machine["InstanceId"])


def test_a_plan_with_other_user_data_reports_a_replacement_and_makes_none(ec2: Any) -> None:
    before = worker(ec2)
    plan = converge("--check", user_data="#!/bin/sh\necho second\n")
    assert plan.returncode == 0, plan.stdout
    assert f"{before['InstanceId']} is replaced: other user data." in plan.stdout
    assert worker(ec2)["InstanceId"] == before["InstanceId"]


def test_other_user_data_replaces_the_worker_at_the_same_address(ec2: Any) -> None:
    before = worker(ec2)
    applied = converge(user_data="#!/bin/sh\necho second\n")
    after = worker(ec2)
    answer = ec2.describe_instance_attribute(InstanceId=after["InstanceId"], Attribute="userData")
    assert applied.returncode == 0, applied.stdout
    assert after["InstanceId"] != before["InstanceId"]
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"] == "10.20.16.10"
    assert base64.b64decode(answer["UserData"]["Value"]).decode() == "#!/bin/sh\necho second\n"
    assert watched_machines() == all_watch(after)


def test_another_image_replaces_the_worker_at_the_same_address(ec2: Any) -> None:
    before = worker(ec2)
    applied = converge(user_data="#!/bin/sh\necho second\n", image_id="ami-0debian1200000002")
    after = worker(ec2)
    assert applied.returncode == 0, applied.stdout
    assert (before["ImageId"], after["ImageId"]) == ("ami-0debian1200000001", "ami-0debian1200000002")
    assert after["PrivateIpAddress"] == "10.20.16.10"


def test_a_worker_terminated_by_hand_is_recreated_at_the_same_address(ec2: Any) -> None:
    ec2.terminate_instances(InstanceIds=[worker(ec2)["InstanceId"]])
    applied = converge()
    after = worker(ec2)
    assert applied.returncode == 0, applied.stdout
    assert (after["State"]["Name"], after["PrivateIpAddress"]) == ("running", "10.20.16.10")
    assert watched_machines() == all_watch(after)


def test_a_stopped_worker_is_started_and_not_replaced(ec2: Any) -> None:
    before = worker(ec2)
    ec2.stop_instances(InstanceIds=[before["InstanceId"]])
    converge()
    after = worker(ec2)
    assert (after["State"]["Name"], after["InstanceId"]) == ("running", before["InstanceId"])


def test_wrong_security_groups_are_corrected_and_the_workers_own_tags_are_kept(ec2: Any) -> None:
    machine = worker(ec2)
    right = {each["GroupId"] for each in machine["NetworkInterfaces"][0]["Groups"]}
    ec2.create_tags(Resources=[machine["InstanceId"]], Tags=[{"Key": "Release", "Value": "1.2.3"}])
    ec2.delete_tags(Resources=[machine["InstanceId"]], Tags=[{"Key": "Project"}])
    ec2.modify_instance_attribute(InstanceId=machine["InstanceId"], Groups=[min(right)])
    converge()
    mended = worker(ec2)
    tags = {tag["Key"]: tag["Value"] for tag in mended["Tags"]}
    answer = ec2.describe_instance_attribute(InstanceId=machine["InstanceId"], Attribute="groupSet")
    assert mended["InstanceId"] == machine["InstanceId"]
    assert {each["GroupId"] for each in answer["Groups"]} == right
    assert (tags["Release"], tags["Project"]) == ("1.2.3", "rising-stars")


def test_a_worker_whose_boot_failed_is_replaced_and_a_missing_boot_report_fails_the_run(ec2: Any) -> None:
    before = worker(ec2)
    ec2.create_tags(
        Resources=[before["InstanceId"]], Tags=[{"Key": "BootStatus", "Value": "failed: Ensure Redis runs"}]
    )
    silent = converge(boot_timeout_seconds=2)
    after = worker(ec2)
    assert "is replaced: its boot failed." in silent.stdout
    assert after["InstanceId"] != before["InstanceId"]
    assert silent.returncode != 0
    assert "has not reported for 2 s" in silent.stdout
    assert watched_machines() == {"instance-check": before["InstanceId"], "system-check": before["InstanceId"]}, (
        "on AWS, an alarm on missing data fires during a replacement, and on a machine without a datapoint"
    )


def test_the_alarms_watch_the_new_machine_once_it_is_up(ec2: Any) -> None:
    machine = worker(ec2)
    ec2.create_tags(Resources=[machine["InstanceId"]], Tags=[{"Key": "BootStatus", "Value": "ready"}])
    ready = converge(boot_timeout_seconds=2)
    assert ready.returncode == 0, ready.stdout
    assert watched_machines() == all_watch(machine)


def test_extra_workers_scale_from_zero_on_the_backlog_per_worker(ec2: Any, autoscaling: Any) -> None:
    applied = converge(extra_max=2)
    extra = group(autoscaling)
    (policy,) = autoscaling.describe_policies(AutoScalingGroupName=EXTRA)["ScalingPolicies"]
    (hook,) = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=EXTRA)["LifecycleHooks"]
    assert applied.returncode == 0, applied.stdout
    assert (extra["MinSize"], extra["MaxSize"], extra["DesiredCapacity"]) == (0, 2, 0)
    assert len(extra["VPCZoneIdentifier"].split(",")) == 2
    assert policy["TargetTrackingConfiguration"] == {
        "TargetValue": 4.0,
        "DisableScaleIn": False,
        "CustomizedMetricSpecification": {
            "Namespace": "RisingStars/molecule",
            "MetricName": "BacklogPerWorker",
            "Dimensions": [],
            "Statistic": "Average",
        },
    }
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert (hook["HeartbeatTimeout"], hook["DefaultResult"]) == (900, "CONTINUE")
    assert_extra_data(ec2)


def assert_extra_data(ec2: Any) -> None:
    """Check the launch template: no public address, only the security group `worker`, encrypted disk, user data."""
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName=EXTRA)["LaunchTemplateVersions"]
    (group_of_workers,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["worker"]}])[
        "SecurityGroups"
    ]
    data = version["LaunchTemplateData"]
    (card,), (disk,) = data["NetworkInterfaces"], data["BlockDeviceMappings"]
    assert (card["AssociatePublicIpAddress"], card["Groups"]) == (False, [group_of_workers["GroupId"]])
    assert (disk["Ebs"]["Encrypted"], disk["Ebs"]["VolumeType"]) == (True, "gp3")
    assert (data["MetadataOptions"]["HttpTokens"], data["InstanceType"]) == ("required", "c6i.large")
    assert base64.b64decode(data["UserData"]).decode() == "#!/bin/sh\necho extra\n"
    assert {each["ResourceType"] for each in data["TagSpecifications"]} == {"instance", "volume", "network-interface"}


def test_a_second_run_with_extra_workers_changes_nothing() -> None:
    again, plan = converge(extra_max=2), converge("--check", extra_max=2)
    assert "changed=0 " in again.stdout, again.stdout
    assert "changed=0 " in plan.stdout, plan.stdout


def test_an_empty_group_gets_a_new_version_without_an_instance_refresh(autoscaling: Any) -> None:
    converge(extra_max=2, extra_user_data="#!/bin/sh\necho other\n")
    assert group(autoscaling)["LaunchTemplate"]["Version"] == "2"
    assert autoscaling.describe_instance_refreshes(AutoScalingGroupName=EXTRA)["InstanceRefreshes"] == []


def test_running_extra_workers_are_replaced_with_the_new_version(autoscaling: Any) -> None:
    autoscaling.set_desired_capacity(AutoScalingGroupName=EXTRA, DesiredCapacity=2)
    applied = converge(extra_max=2)
    (refresh,) = autoscaling.describe_instance_refreshes(AutoScalingGroupName=EXTRA)["InstanceRefreshes"]
    assert applied.returncode == 0, applied.stdout
    assert (refresh["Status"], refresh["Preferences"]["AutoRollback"]) == ("Successful", True)
    assert [each["LaunchTemplate"]["Version"] for each in group(autoscaling)["Instances"]] == ["3", "3"]
    assert group(autoscaling)["DesiredCapacity"] == 2


def test_extra_workers_are_deleted_at_a_maximum_of_zero_even_after_an_interrupted_run(
    ec2: Any, autoscaling: Any
) -> None:
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName=EXTRA, ForceDelete=True)
    applied = converge()
    assert applied.returncode == 0, applied.stdout
    assert autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert autoscaling.describe_policies()["ScalingPolicies"] == []
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []


def test_settings_that_cannot_work_are_refused_with_an_explanation() -> None:
    refused = converge("--check", private_address="10.20.16.300", extra_max=-1)
    assert refused.returncode != 0
    assert "aws_worker_private_address is not an IPv4 address: 10.20.16.300." in refused.stdout
    assert "aws_worker_extra_max is -1: set 0 or more." in refused.stdout
