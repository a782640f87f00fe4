"""Tests that a purge deletes the buckets and all their objects."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_the_buckets_are_deleted_with_all_their_objects() -> None:
    assert boto3.client("s3").list_buckets()["Buckets"] == []
