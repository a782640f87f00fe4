"""Tests that the group of web machines and all its resources are deleted."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_the_group_its_scaling_policies_and_its_template_are_deleted() -> None:
    autoscaling = boto3.client("autoscaling")
    assert autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert autoscaling.describe_policies()["ScalingPolicies"] == []
    assert boto3.client("ec2").describe_launch_templates()["LaunchTemplates"] == []
