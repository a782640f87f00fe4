"""Patches for S3."""

import json
from typing import Any

from flask import request
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

from rehearsal.aws.patches import restores


@restores("A bucket policy's statement applies only when its conditions hold, including conditions on TLS and headers")
def evaluate_conditions() -> None:
    def judge(self: Any, action: str, resource: str) -> PermissionResult:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        policy = json.loads(self.policy)
        in_force = [
            {key: value for key, value in statement.items() if key != "Condition"}
            for statement in policy["Statement"]
            if holds(statement.get("Condition", {}))
        ]
        if not in_force:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({**policy, "Statement": in_force})).is_action_permitted(action, resource)

    FakeBucket.get_permission = judge


@restores("PutObject stores a SHA-256 that the client sends only in the header x-amz-checksum-sha256, as boto3 does")
def keep_checksums() -> None:
    moto_gets_checksum = S3Response._get_checksum

    def get_checksum(self: S3Response, response_headers: dict[str, Any]) -> tuple[str, str | None]:
        given = self.headers.get("x-amz-checksum-sha256")
        if given is None or "x-amz-sdk-checksum-algorithm" in self.headers:
            return moto_gets_checksum(self, response_headers)
        response_headers["x-amz-checksum-sha256"] = given
        return "SHA256", given

    S3Response._get_checksum = get_checksum


def holds(conditions: dict[str, dict[str, str]]) -> bool:
    """Return whether all conditions hold for the current request.

    Requests to mock AWS arrive over plain HTTP, but count as sent over TLS.
    """
    context = {"aws:SecureTransport": "true"}
    if "If-None-Match" in request.headers:
        context["s3:if-none-match"] = request.headers["If-None-Match"]
    return all(
        matches(operator, context.get(key), str(value))
        for operator, expected in conditions.items()
        for key, value in expected.items()
    )


def matches(operator: str, found: str | None, expected: str) -> bool:
    match operator:
        case "Null":
            return (found is None) == (expected == "true")
        case "Bool" | "StringEquals":
            return found == expected
        case _:
            return False
