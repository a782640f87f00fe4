"""Nothing of the secrets is left."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_no_secret_waits_for_its_deletion() -> None:
    assert boto3.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
