"""A failed builder leaves no resources behind."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_a_failed_builder_is_terminated_and_leaves_no_image() -> None:
    found = boto3.client("ec2").describe_instances(Filters=[{"Name": "tag:Role", "Values": ["builder"]}])
    states = [instance["State"]["Name"] for each in found["Reservations"] for instance in each["Instances"]]
    assert states == ["terminated"]
    assert leftovers("molecule") == []
