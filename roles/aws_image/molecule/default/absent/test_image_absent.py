"""Nothing of the images is left."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_no_image_and_no_record_of_its_base_is_left() -> None:
    assert boto3.client("ec2").describe_images(Owners=["self"])["Images"] == []
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []
