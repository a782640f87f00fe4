"""Tests of changes to the web fleet. They run after test_web_fleet.py, because they create new template versions."""

import json
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.operator.playbooks import run_playbook

NAME = "rising-stars-molecule-web"
SCENARIO = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def autoscaling() -> Any:
    return boto3.client("autoscaling")


def converge(*options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the scenario's converge.yml again with changed settings."""
    changed = json.dumps({f"aws_web_fleet_{key}": value for key, value in settings.items()})
    return run_playbook(SCENARIO / "converge.yml", "-e", changed, *options)


def group(autoscaling: Any) -> Any:
    (only,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])["AutoScalingGroups"]
    return only


def machines(autoscaling: Any) -> dict[str, str]:
    """Return the launch template version of each machine, by instance id."""
    return {each["InstanceId"]: each["LaunchTemplate"]["Version"] for each in group(autoscaling)["Instances"]}


def newest_refresh(autoscaling: Any) -> Any:
    return autoscaling.describe_instance_refreshes(AutoScalingGroupName=NAME)["InstanceRefreshes"][0]


def test_changed_bounds_are_corrected_and_the_desired_capacity_is_left_to_scaling(autoscaling: Any) -> None:
    autoscaling.update_auto_scaling_group(AutoScalingGroupName=NAME, MinSize=0, MaxSize=9, DesiredCapacity=2)
    plan = converge("--check")
    untouched = group(autoscaling)
    applied = converge()
    mended = group(autoscaling)
    assert "max_size: 9 → 3" in plan.stdout
    assert (untouched["MinSize"], untouched["MaxSize"]) == (0, 9)
    assert applied.returncode == 0, applied.stdout
    assert (mended["MinSize"], mended["MaxSize"], mended["DesiredCapacity"]) == (1, 3, 2)


def test_missing_and_unknown_policies_are_shown_by_a_plan_and_corrected(autoscaling: Any) -> None:
    autoscaling.delete_policy(AutoScalingGroupName=NAME, PolicyName=f"{NAME}-cpu")
    autoscaling.put_scaling_policy(
        AutoScalingGroupName=NAME, PolicyName="by-hand", AdjustmentType="ExactCapacity", ScalingAdjustment=9
    )
    plan = converge("--check")
    drifted = names_of_policies(autoscaling)
    converge()
    assert "changed=1 " in plan.stdout
    assert drifted == ["by-hand", f"{NAME}-requests"]
    assert names_of_policies(autoscaling) == [f"{NAME}-cpu", f"{NAME}-requests"]


def names_of_policies(autoscaling: Any) -> list[str]:
    answer = autoscaling.describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]
    return sorted(policy["PolicyName"] for policy in answer)


def test_a_plan_does_not_create_a_new_version(autoscaling: Any) -> None:
    before = machines(autoscaling)
    plan = converge("--check", user_data="#!/bin/sh\necho second\n")
    versions = boto3.client("ec2").describe_launch_template_versions(LaunchTemplateName=NAME)["LaunchTemplateVersions"]
    assert plan.returncode == 0, plan.stdout
    assert "Would replace each machine" in plan.stdout
    assert [version["VersionNumber"] for version in versions] == [1]
    assert machines(autoscaling) == before


def test_a_new_version_replaces_every_machine_with_automatic_rollback_enabled(autoscaling: Any) -> None:
    before = machines(autoscaling)
    applied = converge(user_data="#!/bin/sh\necho second\n")
    after = machines(autoscaling)
    refresh = newest_refresh(autoscaling)
    template = group(autoscaling)["LaunchTemplate"]
    assert applied.returncode == 0, applied.stdout
    assert list(after.values()) == ["2", "2"]
    assert not set(after) & set(before)
    assert refresh["Status"] == "Successful"
    assert refresh["DesiredConfiguration"] == {
        "LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplateId"], "Version": "2"}
    }
    assert refresh["Preferences"] == {
        "AutoRollback": True,
        "InstanceWarmup": 60,
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 200,
        "SkipMatching": True,
    }
    assert template["Version"] == "2"


def test_the_same_version_again_replaces_no_machine(autoscaling: Any) -> None:
    before = machines(autoscaling)
    again = converge(user_data="#!/bin/sh\necho second\n")
    assert "changed=0" in again.stdout
    assert machines(autoscaling) == before


def test_a_version_that_cannot_start_is_rolled_back_and_the_run_reports_why(autoscaling: Any) -> None:
    applied = converge(user_data="#!/bin/sh\necho second\n", image_id="ami-0gone")
    assert applied.returncode != 0
    assert "the refresh ended as RollbackSuccessful; version 2 stays in service" in applied.stdout
    assert "The image id '[ami-0gone]' does not exist" in applied.stdout
    assert group(autoscaling)["LaunchTemplate"]["Version"] == "2"
    assert set(machines(autoscaling).values()) == {"2"}


def test_a_rollout_in_progress_is_cancelled_only_on_request(autoscaling: Any) -> None:
    template = group(autoscaling)["LaunchTemplate"]["LaunchTemplateId"]
    wanted = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "1"}}
    autoscaling.start_instance_refresh(AutoScalingGroupName=NAME, DesiredConfiguration=wanted)
    refused = converge(user_data="#!/bin/sh\necho third\n")
    assert newest_refresh(autoscaling)["Status"] == "Successful"
    autoscaling.start_instance_refresh(AutoScalingGroupName=NAME, DesiredConfiguration=wanted)
    overtaken = converge(user_data="#!/bin/sh\necho third\n", cancel_other_refresh=True)
    refreshes = autoscaling.describe_instance_refreshes(AutoScalingGroupName=NAME)["InstanceRefreshes"]
    assert refused.returncode != 0
    assert "a refresh to version 1 is in progress" in refused.stdout
    assert overtaken.returncode == 0, overtaken.stdout
    assert [refresh["Status"] for refresh in refreshes[:2]] == ["Successful", "Cancelled"]
    assert set(machines(autoscaling).values()) == {"4"}


def test_settings_that_cannot_work_are_refused_with_an_explanation() -> None:
    refused = converge("--check", min=5, max=2, cpu_target_percent=0)
    assert refused.returncode != 0
    assert "aws_web_fleet_max is 2, and less than aws_web_fleet_min (5)." in refused.stdout
    assert "aws_web_fleet_cpu_target_percent is 0: set 1 to 100." in refused.stdout
