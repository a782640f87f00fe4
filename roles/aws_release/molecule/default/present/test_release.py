"""Tests of the published files through the S3 API."""

import base64
import hashlib
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

BUCKET = "rising-stars-molecule-media-123456789012-us-east-1"
PUBLISHED = {
    "releases/rising-stars-1.4.0-{}.tar.gz": b"a bundle",
    "releases/ca/rds-global-bundle-{}.pem": b"certificates",
    "releases/agents/amazon-ssm-agent-{}.deb": b"an agent",
}


@pytest.fixture(scope="module")
def s3() -> Any:
    return boto3.client("s3")


def test_the_key_of_each_file_contains_the_checksum_of_its_content(s3: Any) -> None:
    expected = {key.format(hashlib.sha256(content).hexdigest()[:12]): content for key, content in PUBLISHED.items()}
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="releases/")["Contents"]]
    assert {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys} == expected


def test_s3_stores_the_checksum_of_each_file(s3: Any) -> None:
    for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="releases/")["Contents"]:
        head = s3.head_object(Bucket=BUCKET, Key=item["Key"], ChecksumMode="ENABLED")
        body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
        assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()


def test_each_file_was_uploaded_once_and_has_its_tags(s3: Any) -> None:
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix="releases/")["Versions"]
    assert len(versions) == len(PUBLISHED)
    for version in versions:
        tags = {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=BUCKET, Key=version["Key"])["TagSet"]}
        assert tags == {
            "Project": "rising-stars",
            "Environment": "molecule",
            "ManagedBy": "ansible",
            "Role": "release",
            "Name": version["Key"].rpartition("/")[2],
        }


def test_the_bucket_denies_replacing_and_deleting_a_published_file(s3: Any) -> None:
    key = s3.list_objects_v2(Bucket=BUCKET, Prefix="releases/")["Contents"][0]["Key"]
    version = s3.head_object(Bucket=BUCKET, Key=key)["VersionId"]
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"replaced")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"replaced", IfNoneMatch="*")
    with pytest.raises(ClientError, match="403"):
        s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError, match="403"):
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
    assert s3.head_object(Bucket=BUCKET, Key=key)["VersionId"] == version


def test_clips_can_be_uploaded_and_deleted(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="unprocessed-videos/a.mp4", Body=b"a clip")
    s3.delete_object(Bucket=BUCKET, Key="unprocessed-videos/a.mp4")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="unprocessed-videos/")
