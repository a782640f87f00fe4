"""An operator's AWS account before the first run, and a release to publish into it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal.aws.server import MockAws, running_mock_aws
from rehearsal.operator.policy import create_boundary

ADMINISTRATOR = {"aws_access_key_id": "administrator", "aws_secret_access_key": "administrator"}
"""Separate credentials, so that the record distinguishes the administrator's calls from the operator's."""


@contextmanager
def running_account(folder: Path, *, strict: int | None = None) -> Iterator[MockAws]:
    """Run a new mock AWS in which an administrator has created the permissions boundary and nothing else.

    `strict` is the seed of strict mode (rehearsal/aws/strict); without it, mock AWS delays nothing.
    """
    with running_mock_aws(folder, strict=strict) as aws:
        create_boundary(aws.client("iam", **ADMINISTRATOR), "rehearsal")
        yield aws


def release_in(folder: Path) -> dict[str, str]:
    """Return the variables of a release. Its files contain random bytes, because no machine reads the files."""
    for name in ("bundle.tar.gz", "ca.pem"):
        (folder / name).write_bytes(secrets.token_bytes(4096))
    return {
        "aws_release_version": "1.0.0",
        "aws_release_bundle": str(folder / "bundle.tar.gz"),
        "aws_release_ca_bundle": str(folder / "ca.pem"),
    }
