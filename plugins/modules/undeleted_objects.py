#!/usr/bin/python
"""Restore deleted objects in a versioned bucket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = """
module: undeleted_objects
short_description: Restore deleted objects in a versioned bucket
description:
  - In a versioned bucket, the deletion of an object adds a delete marker. The module removes the delete markers of
    objects that were deleted since a given time, so that each object's previous version is current again. The module
    changes nothing else, and a repeated run has no effect.
  - Needs C(s3:ListBucketVersions) on the bucket and C(s3:DeleteObjectVersion) on its objects.
options:
  bucket:
    description: The bucket's name.
    type: str
    required: true
  prefixes:
    description: Prefixes of the objects to restore, for example C(processed-videos/).
    type: list
    elements: str
    required: true
  since:
    description: >-
      Objects that were deleted since this time are restored. In ISO 8601 with a UTC offset, for example
      C(2026-11-24T07:00:00+00:00).
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Reports how many objects would be restored.
author: Rising Stars
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = """
- name: Restore clips that were deleted since the snapshot
  undeleted_objects:
    bucket: media
    prefixes: [processed-videos/]
    since: "2026-11-24T07:00:00+00:00"
"""

RETURN = """
count:
  description: Number of restored objects; in check mode, of objects that would be restored.
  type: int
  returned: always
"""

AT_ONCE = 1000
"""The largest number of objects that one DeleteObjects request may name (Amazon S3 API reference)."""


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "prefixes": {"type": "list", "elements": "str", "required": True},
            "since": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    since = moment(module)
    s3 = module.client("s3", retry_decorator=AWSRetry.jittered_backoff())
    bucket, count = module.params["bucket"], 0
    try:
        markers = [
            marker for prefix in module.params["prefixes"] for marker in markers_below(s3, bucket, prefix, since)
        ]
        for start in range(0, len(markers), AT_ONCE):
            some = markers[start : start + AT_ONCE]
            if not module.check_mode:
                delete_markers(module, s3, some)
            count += len(some)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"s3://{bucket}: failed after {count} objects were restored")
    module.exit_json(changed=count > 0, count=count)


def moment(module: Any) -> datetime:
    """Return `since` rounded down to seconds, S3's resolution, so that markers from the same second are included."""
    text = module.params["since"]
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        module.fail_json(msg=f"since is {text}: set a moment in ISO 8601, as 2026-11-24T07:00:00+00:00.")
    if since.tzinfo is None:
        module.fail_json(msg=f"since is {text}: add the offset from UTC, as {text}+00:00.")
    return since.astimezone(UTC).replace(microsecond=0)


def markers_below(s3: Any, bucket: str, prefix: str, since: datetime) -> Iterator[dict[str, str]]:
    """Yield the key and version id of each current delete marker with the prefix that is not older than `since`."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for marker in page.get("DeleteMarkers", []):
            if marker["IsLatest"] and marker["LastModified"] >= since:
                yield {"Key": marker["Key"], "VersionId": marker["VersionId"]}


def delete_markers(module: Any, s3: Any, markers: list[dict[str, str]]) -> None:
    """Remove the markers in one request, and fail if S3 reports an error for any of them."""
    answer = s3.delete_objects(
        aws_retry=True, Bucket=module.params["bucket"], Delete={"Objects": markers, "Quiet": True}
    )
    for error in answer.get("Errors", []):
        module.fail_json(msg=f"s3://{module.params['bucket']}/{error['Key']} could not be restored: {error['Message']}")


if __name__ == "__main__":
    main()
