#!/usr/bin/python
"""Put a file or a text into an S3 bucket, and never replace an existing object."""

import base64
import hashlib
import io
import os
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = """
module: immutable_object
short_description: Put a file or a text into an S3 bucket, and never replace an existing object
description:
  - Puts a local file, or a text, at a key if no object exists there. If an object with the same SHA-256 exists, the
    module changes nothing; if one with another SHA-256 exists, the module fails.
  - Sends one PUT with C(If-None-Match) and the checksum. Of two concurrent requests, only one creates the object, and
    S3 rejects a file that was corrupted in transit.
  - Needs C(s3:PutObject), C(s3:PutObjectTagging) and C(s3:GetObject) on the key, and C(s3:ListBucket) on the bucket.
    Without C(s3:ListBucket), S3 gives the same response for a missing key and for a key that the caller may not read.
options:
  bucket:
    description: The bucket's name.
    type: str
    required: true
  key:
    description: The key in the bucket.
    type: str
    required: true
  src:
    description:
      - The file to put, on the machine that runs the module; at most 5 GiB, S3's limit for one PUT. Set either O(src)
        or O(content).
    type: path
  content:
    description: The text to put, instead of a file.
    type: str
  sha256:
    description: >-
      The expected SHA-256, 64 hexadecimal digits. If the file or text has another SHA-256, the module fails before it
      calls S3.
    type: str
  tags:
    description: Tags of a new object. The tags of an existing object are not compared.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Reports whether the object would be created, and fails if the key has an object with other content.
author: Rising Stars
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = """
- name: Publish the release
  immutable_object:
    bucket: media
    key: releases/rising-stars-1.2.3.tar.gz
    src: dist/rising-stars-1.2.3.tar.gz

- name: Record the rollout
  immutable_object:
    bucket: media
    key: releases/rollouts/ami-0123456789abcdef0.json
    content: "{{ rollout | to_json }}"
"""

RETURN = """
bucket:
  description: The bucket's name.
  type: str
  returned: success
key:
  description: The key.
  type: str
  returned: success
sha256:
  description: The object's SHA-256, 64 hexadecimal digits.
  type: str
  returned: success
size_bytes:
  description: The object's size.
  type: int
  returned: success
version_id:
  description: The object's version, in a versioned bucket.
  type: str
  returned: when the object exists
"""

# S3's error codes if another client created the object after the module's check (412), or is creating it now (409).
OVERTAKEN = ["PreconditionFailed", "ConditionalRequestConflict"]


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": False},
            "src": {"type": "path"},
            "content": {"type": "str"},
            "sha256": {"type": "str"},
            "tags": {"type": "dict", "default": {}},
        },
        mutually_exclusive=[("src", "content")],
        required_one_of=[("src", "content")],
        supports_check_mode=True,
    )
    s3 = module.client("s3", retry_decorator=AWSRetry.jittered_backoff())
    sha256 = checksum(module)
    existing = read_object(module, s3)
    changed = existing is None
    if existing is None and not module.check_mode:
        existing, changed = put(module, s3, sha256)
        if existing is None:
            module.fail_json(msg=f"Another client is writing {module.params['key']}. Run this again.")
    if existing is not None and stored_sha256(existing) != sha256:
        module.fail_json(msg=conflict_message(module, existing, sha256))
    with open_source(module) as file:
        size = file.seek(0, os.SEEK_END)
    result = {"bucket": module.params["bucket"], "key": module.params["key"], "sha256": sha256, "size_bytes": size}
    if existing and existing.get("VersionId"):
        result["version_id"] = existing["VersionId"]
    module.exit_json(changed=changed, **result)


def open_source(module: Any) -> BinaryIO:
    """Open `src`, or a stream of the bytes of `content`."""
    text = module.params.get("content")
    return Path(module.params["src"]).open("rb") if text is None else io.BytesIO(text.encode())


def source(module: Any) -> str:
    """Return the name of the source for messages: the file's path, or a phrase for a text."""
    return module.params["src"] or "the text given as content"


def checksum(module: Any) -> str:
    """Return the SHA-256 of the file or text in hexadecimal digits; fail if it differs from the expected SHA-256."""
    try:
        with open_source(module) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        module.fail_json(msg=f"{module.params['src']} cannot be read: {error.strerror}.")
    expected = module.params["sha256"]
    if expected and expected.lower() != sha256:
        module.fail_json(msg=f"{source(module)} has the SHA-256 {sha256}, not {expected}. It is not published.")
    return sha256


def read_object(module: Any, s3: Any) -> dict[str, Any] | None:
    """Return the object's metadata, or None if the key does not exist."""
    place = f"s3://{module.params['bucket']}/{module.params['key']}"
    try:
        found: dict[str, Any] = s3.head_object(
            aws_retry=True, Bucket=module.params["bucket"], Key=module.params["key"], ChecksumMode="ENABLED"
        )
    except is_boto3_error_code(["404", "NoSuchKey"]):
        return None
    except is_boto3_error_code(["403", "AccessDenied"]) as error:
        module.fail_json_aws(error, msg=f"{place} may not be read: s3:GetObject on it and s3:ListBucket are needed")
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{place} could not be read")
    return found


def put(module: Any, s3: Any, sha256: str) -> tuple[dict[str, Any] | None, bool]:
    """Create the object; return its metadata, and whether this call created it.

    If another client created the object first, return that object's metadata, or None while that client is writing it.
    """
    place = {"Bucket": module.params["bucket"], "Key": module.params["key"]}
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    try:
        with open_source(module) as file:
            answer = s3.put_object(
                **place,
                Body=file,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=digest,
                Tagging=urlencode(module.params["tags"]),
            )
    except is_boto3_error_code(OVERTAKEN):
        return read_object(module, s3), False
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{source(module)} could not be put at s3://{'/'.join(place.values())}")
    return {"ChecksumSHA256": digest, "VersionId": answer.get("VersionId")}, True


def stored_sha256(existing: dict[str, Any]) -> str:
    """Return the object's SHA-256 in hexadecimal digits; empty if S3 has none, or only that of a multipart upload."""
    stored = existing.get("ChecksumSHA256", "")
    return "" if "-" in stored else base64.b64decode(stored).hex()


def conflict_message(module: Any, existing: dict[str, Any], sha256: str) -> str:
    """Return the error message for a key that has an object with other content."""
    return (
        f"s3://{module.params['bucket']}/{module.params['key']} exists with the SHA-256"
        f" {stored_sha256(existing) or 'unknown to S3'}, and {source(module)} has {sha256}."
        " Published files never change: publish this one under another version."
    )


if __name__ == "__main__":
    main()
