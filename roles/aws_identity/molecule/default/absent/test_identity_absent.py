"""Deleting the identities leaves no resources behind."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_no_role_or_profile_is_left_under_our_path() -> None:
    iam = boto3.client("iam")
    assert iam.list_roles(PathPrefix="/rising-stars/")["Roles"] == []
    assert iam.list_instance_profiles(PathPrefix="/rising-stars/")["InstanceProfiles"] == []
