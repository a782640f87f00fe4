#!/usr/bin/python
"""Put a file at a key of an S3 bucket, once and for all."""

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
short_description: Put a file or a text at a key of an S3 bucket, once and for all
description:
  - Puts a local file, or a text, at a key where nothing is. What is there with the same SHA-256 is left alone; anything
    else is never replaced, and the task fails.
  - One PUT with C(If-None-Match) and the checksum. Of two publishers at once one wins, and S3 refuses a file that was
    damaged on its way.
  - Needs C(s3:PutObject), C(s3:PutObjectTagging) and C(s3:GetObject) on the key, and C(s3:ListBucket) on the bucket, or
    S3 does not tell a key where nothing is from one that may not be read.
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
      - The file, on the machine that runs the module. Up to 5 GiB, what S3 takes in one PUT. This, or O(content).
    type: path
  content:
    description: The text to put, instead of a file.
    type: str
  sha256:
    description: What the file must be, 64 hexadecimal digits. Another file is refused before anything is asked of S3.
    type: str
  tags:
    description: Tags that the object is put with. Those of an object that is there are not looked at.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Says whether the file would be put, and fails where it could not be.
author: Rising Stars
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = """
- name: Ensure the release is published
  immutable_object:
    bucket: media
    key: releases/rising-stars-1.2.3.tar.gz
    src: dist/rising-stars-1.2.3.tar.gz

- name: Ensure it is noted what was rolled out
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
  description: The version, in a bucket with versions.
  type: str
  returned: when the object is there
"""

# The key was written between our look and our PUT (412), or is being written just now (409).
OVERTAKEN = ["PreconditionFailed", "ConditionalRequestConflict"]


def main() -> None:
    """Put the file, unless it is there."""
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
    there = look(module, s3)
    changed = there is None
    if there is None and not module.check_mode:
        there, changed = put(module, s3, sha256)
        if there is None:
            module.fail_json(msg=f"Somebody is writing {module.params['key']} just now. Run this again.")
    if there is not None and stored_sha256(there) != sha256:
        module.fail_json(msg=refusal(module, there, sha256))
    with opened(module) as file:
        size = file.seek(0, os.SEEK_END)
    result = {"bucket": module.params["bucket"], "key": module.params["key"], "sha256": sha256, "size_bytes": size}
    if there and there.get("VersionId"):
        result["version_id"] = there["VersionId"]
    module.exit_json(changed=changed, **result)


def opened(module: Any) -> BinaryIO:
    """The file, or the text as one."""
    text = module.params.get("content")
    return Path(module.params["src"]).open("rb") if text is None else io.BytesIO(text.encode())


def source(module: Any) -> str:
    """What is put, as a message calls it."""
    return module.params["src"] or "the text given as content"


def checksum(module: Any) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    try:
        with opened(module) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        module.fail_json(msg=f"{module.params['src']} cannot be read: {error.strerror}.")
    wanted = module.params["sha256"]
    if wanted and wanted.lower() != sha256:
        module.fail_json(msg=f"{source(module)} has the SHA-256 {sha256}, not {wanted}. It is not published.")
    return sha256


def look(module: Any, s3: Any) -> dict[str, Any] | None:
    """What S3 says of the key; None where nothing is."""
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
        module.fail_json_aws(error, msg=f"{place} could not be looked at")
    return found


def put(module: Any, s3: Any, sha256: str) -> tuple[dict[str, Any] | None, bool]:
    """Put the file where nothing was a moment ago: what is there then, and whether we put it."""
    place = {"Bucket": module.params["bucket"], "Key": module.params["key"]}
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    try:
        with opened(module) as file:
            answer = s3.put_object(
                **place,
                Body=file,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=digest,
                Tagging=urlencode(module.params["tags"]),
            )
    except is_boto3_error_code(OVERTAKEN):
        return look(module, s3), False
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{source(module)} could not be put at s3://{'/'.join(place.values())}")
    return {"ChecksumSHA256": digest, "VersionId": answer.get("VersionId")}, True


def stored_sha256(there: dict[str, Any]) -> str:
    """What S3 computed when the object came, in hexadecimal digits; empty where it was put without (or in parts)."""
    stored = there.get("ChecksumSHA256", "")
    return "" if "-" in stored else base64.b64decode(stored).hex()


def refusal(module: Any, there: dict[str, Any], sha256: str) -> str:
    """Why the file is not published."""
    return (
        f"s3://{module.params['bucket']}/{module.params['key']} is there with the SHA-256"
        f" {stored_sha256(there) or 'unknown to S3'}, and {source(module)} has {sha256}."
        " What is published never changes: publish it under another version."
    )


if __name__ == "__main__":
    main()
