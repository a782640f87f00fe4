"""Tests that all of the site's parameters are deleted, and no other parameter."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_a_parameter_whose_path_only_begins_with_the_same_letters_is_kept() -> None:
    (left,) = boto3.client("ssm").describe_parameters()["Parameters"]
    assert left["Name"] == "/rising-stars/molecules/web"
