"""Deleting the firewall leaves no resources behind."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_no_group_with_our_name_is_left() -> None:
    groups = boto3.client("ec2").describe_security_groups()["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {"default"}
