"""Deleting the images leaves no resources behind."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_no_image_or_base_image_parameter_is_left() -> None:
    assert boto3.client("ec2").describe_images(Owners=["self"])["Images"] == []
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []
