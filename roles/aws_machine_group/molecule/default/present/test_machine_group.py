"""Tests that the group has the default settings and that the role corrects manual changes.

The tests of aws_web_fleet and aws_worker cover the other settings.
"""

from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.operator.playbooks import run_playbook

NAME = "rising-stars-molecule-machines"
CONVERGE = Path(__file__).parents[1] / "converge.yml"


@pytest.fixture(scope="module")
def autoscaling() -> Any:
    return boto3.client("autoscaling")


def group(autoscaling: Any) -> Any:
    (only,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])["AutoScalingGroups"]
    return only


def hook(autoscaling: Any) -> Any:
    (only,) = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=NAME)["LifecycleHooks"]
    return only


def test_by_default_it_is_empty_and_behind_no_load_balancer(autoscaling: Any) -> None:
    made = group(autoscaling)
    assert (made["MinSize"], made["MaxSize"], made["DesiredCapacity"]) == (0, 2, 0)
    assert (made["HealthCheckType"], made["TargetGroupARNs"]) == ("EC2", [])


def test_by_default_detailed_monitoring_is_off() -> None:
    (version,) = boto3.client("ec2").describe_launch_template_versions(LaunchTemplateName=NAME)[
        "LaunchTemplateVersions"
    ]
    assert "Monitoring" not in version["LaunchTemplateData"]


def test_it_has_the_given_scaling_policy(autoscaling: Any) -> None:
    (policy,) = autoscaling.describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]
    assert (policy["PolicyName"], policy["TargetTrackingConfiguration"]["TargetValue"]) == (f"{NAME}-cpu", 60.0)


def test_a_cooldown_and_termination_policies_set_by_hand_are_shown_and_corrected(autoscaling: Any) -> None:
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=NAME, DefaultCooldown=7, TerminationPolicies=["NewestInstance"]
    )
    plan = run_playbook(CONVERGE, "--check")
    untouched = group(autoscaling)
    run_playbook(CONVERGE)
    mended = group(autoscaling)
    assert "default_cooldown: 7 → 300" in plan.stdout
    assert "termination_policies: " in plan.stdout
    assert untouched["DefaultCooldown"] == 7
    assert (mended["DefaultCooldown"], mended["TerminationPolicies"]) == (300, ["OldestLaunchTemplate", "Default"])


def test_a_hook_changed_by_hand_is_corrected(autoscaling: Any) -> None:
    made = hook(autoscaling)
    autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=NAME,
        LifecycleHookName=made["LifecycleHookName"],
        LifecycleTransition=made["LifecycleTransition"],
        HeartbeatTimeout=30,
        DefaultResult="ABANDON",
    )
    run_playbook(CONVERGE)
    mended = hook(autoscaling)
    assert (mended["HeartbeatTimeout"], mended["DefaultResult"]) == (300, "CONTINUE")
