"""Nothing of the parameters is left."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_a_neighbour_whose_path_begins_alike_is_left_alone() -> None:
    (left,) = boto3.client("ssm").describe_parameters()["Parameters"]
    assert left["Name"] == "/rising-stars/molecules/web"
