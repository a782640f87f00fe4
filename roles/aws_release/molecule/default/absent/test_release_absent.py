"""Tests that published files are deleted with their bucket."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_the_bucket_is_deleted_with_every_release() -> None:
    assert boto3.client("s3").list_buckets()["Buckets"] == []
