"""Tests of the buckets through the S3 API."""

import json
from typing import Any

import boto3
import pytest

MEDIA = "rising-stars-molecule-media-123456789012-us-east-1"
LOGS = "rising-stars-molecule-logs-123456789012-us-east-1"


@pytest.fixture(scope="module")
def s3() -> Any:
    return boto3.client("s3")


def policy(s3: Any, bucket: str) -> dict[str, Any]:
    """Return the statements of the bucket's policy, by their Sid."""
    document = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def lifecycle(s3: Any, bucket: str) -> dict[str, Any]:
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {rule["ID"]: rule for rule in rules if rule["Status"] == "Enabled"}


@pytest.mark.parametrize("bucket", [MEDIA, LOGS])
def test_nothing_can_be_made_public(s3: Any, bucket: str) -> None:
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }


@pytest.mark.parametrize("bucket", [MEDIA, LOGS])
def test_the_bucket_owner_owns_every_object(s3: Any, bucket: str) -> None:
    (rule,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "BucketOwnerEnforced"


@pytest.mark.parametrize("bucket", [MEDIA, LOGS])
def test_every_object_is_encrypted_with_keys_that_cost_nothing(s3: Any, bucket: str) -> None:
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize("bucket", [MEDIA, LOGS])
def test_requests_without_tls_are_denied(s3: Any, bucket: str) -> None:
    assert policy(s3, bucket)["TlsOnly"] == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_a_release_can_be_uploaded_only_to_a_new_key(s3: Any) -> None:
    statement = policy(s3, MEDIA)["ReleasesAreNotReplaced"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Action"] == "s3:PutObject"
    assert statement["Resource"] == f"arn:aws:s3:::{MEDIA}/releases/*"
    assert statement["Condition"] == {"Null": {"s3:if-none-match": "true"}}


def test_no_principal_may_delete_a_release(s3: Any) -> None:
    statement = policy(s3, MEDIA)["ReleasesAreNotDeleted"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert statement["Resource"] == f"arn:aws:s3:::{MEDIA}/releases/*"
    assert "Condition" not in statement


def test_the_policies_allow_only_the_delivery_of_logs(s3: Any) -> None:
    granted = [s for bucket in (MEDIA, LOGS) for s in policy(s3, bucket).values() if s["Effect"] == "Allow"]
    assert granted == [
        {
            "Sid": "LoadBalancersWrite",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{LOGS}/alb/AWSLogs/123456789012/*",
        }
    ]


def test_a_deleted_object_can_be_restored_for_thirty_days(s3: Any) -> None:
    assert s3.get_bucket_versioning(Bucket=MEDIA)["Status"] == "Enabled"
    rule = lifecycle(s3, MEDIA)["leftovers"]
    assert rule["Filter"] == {"Prefix": ""}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_an_incomplete_upload_is_aborted_after_a_day(s3: Any) -> None:
    for bucket, name in ((MEDIA, "leftovers"), (LOGS, "old-logs")):
        assert lifecycle(s3, bucket)[name]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_nothing_of_a_push_remains_for_longer_than_two_days(s3: Any) -> None:
    """The connection plugin aws_ssm stores its files under <instance id>/."""
    rule = lifecycle(s3, MEDIA)["pushes"]
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": "i-"})
    assert rule["Expiration"] == {"Days": 1}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_only_originals_logs_and_files_of_pushes_expire(s3: Any) -> None:
    expiring = {
        (bucket, rule["Filter"]["Prefix"]): rule["Expiration"]["Days"]
        for bucket in (MEDIA, LOGS)
        for rule in lifecycle(s3, bucket).values()
        if "Days" in rule.get("Expiration", {})
    }
    assert expiring == {(MEDIA, "unprocessed-videos/"): 365, (MEDIA, "i-"): 1, (LOGS, ""): 90}


def test_only_pages_from_the_listed_origin_may_upload(s3: Any) -> None:
    (rule,) = s3.get_bucket_cors(Bucket=MEDIA)["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://show.example.org"]
    assert sorted(rule["AllowedMethods"]) == ["GET", "HEAD", "POST", "PUT"]
    assert rule["ExposeHeaders"] == ["ETag"]


@pytest.mark.parametrize("bucket", [MEDIA, LOGS])
def test_the_buckets_have_their_tags(s3: Any, bucket: str) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags == {
        "Project": "rising-stars",
        "Environment": "molecule",
        "ManagedBy": "ansible",
        "Role": "storage",
        "Name": bucket,
    }
