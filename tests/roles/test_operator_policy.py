"""The operator's policies: what they allow and deny, and that AWS accepts them.

`Operator` in rehearsal/operator/whole_site.py makes mock AWS reject every call that the policies do not allow.
test_site.py checks that they allow no action that the runs do not need.
"""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from rehearsal.aws.permissions import Asked
from rehearsal.aws.permissions.policies import listed
from rehearsal.operator.playbooks import REPOSITORY
from rehearsal.operator.policy import EVERY_DAY, FILES, PLACES, attached, boundary_arn, policies_of

LARGEST_POLICY = 6144
MOST_POLICIES = 10
HERE = "us-east-1:123456789012"
TAGS = {"aws:ResourceTag/Project": "rising-stars", "aws:ResourceTag/Environment": "staging"}
NEW = {"aws:RequestTag/Project": "rising-stars", "aws:RequestTag/Environment": "staging"}
FOREIGN_TAGS = {**TAGS, "aws:ResourceTag/Environment": "production"}

READS = re.compile(r"\w+:(Describe|Get|List|Lookup)")
WITHOUT_RESOURCES = {"route53:CreateHostedZone", "sns:Unsubscribe", "ssmmessages:OpenDataChannel"}
"""Writes that AWS cannot limit to a resource."""

OPERATIONS_OF = {
    "cloudwatch": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
}
NO_OPERATION = {"iam:PassRole", "cloudformation:TagResource", "ssmmessages:OpenDataChannel"}
"""Permissions not named after an API operation. S3 has many such permissions, so the test skips S3 entirely."""


def documents() -> list[tuple[Path, dict[str, Any]]]:
    return [(file, json.loads(file.read_text())) for file in FILES]


def statements() -> list[dict[str, Any]]:
    return [statement for _, document in documents() for statement in document["Statement"]]


def test_the_policies_are_within_the_limits_of_aws() -> None:
    assert 0 < len(FILES) <= MOST_POLICIES
    for file, document in documents():
        assert set(document) == {"Version", "Statement"}
        assert len(re.sub(r"\s", "", file.read_text())) <= LARGEST_POLICY - 100, f"{file.name}: a name may be long"
    assert [sid for sid, count in Counter(one["Sid"] for one in statements()).items() if count > 1] == []


def test_the_command_in_the_docs_fills_in_every_placeholder() -> None:
    filled = dict(re.findall(r"s/([A-Z]+)/([^/]+)/g", (REPOSITORY / "docs" / "deploy.md").read_text()))
    text = "".join(file.read_text() for file in FILES)
    assert set(re.findall(r"\b[A-Z]{4,}\b", text)) == set(filled) == {*PLACES, "ENVIRONMENT"}


def test_no_action_is_allowed_by_a_wildcard() -> None:
    assert [action for one in statements() for action in listed(one["Action"]) if "*" in action] == []


def test_only_reading_is_allowed_everywhere() -> None:
    everywhere = {action for one in statements() if one["Resource"] == "*" for action in listed(one["Action"])}
    assert {action for action in everywhere if not READS.match(action)} == WITHOUT_RESOURCES


@pytest.mark.parametrize(
    "action",
    [
        action
        for action in sorted(policies_of("staging").actions())
        if action not in NO_OPERATION and not action.startswith("s3:")
    ],
)
def test_aws_knows_the_action(action: str) -> None:
    service, _, operation = action.partition(":")
    assert operation in operations(OPERATIONS_OF.get(service, service))


@cache
def operations(service: str) -> list[str]:
    return list(botocore.session.get_session().get_service_model(service).operation_names)


ALLOWED = {
    "a secret that runs need": Asked(
        "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:rising-stars/staging/database-AbCdEf"
    ),
    "a session on its machine": Asked("ssm:StartSession", f"arn:aws:ec2:{HERE}:instance/i-1", TAGS),
    "a new machine of its environment": Asked("ec2:RunInstances", f"arn:aws:ec2:{HERE}:instance/new", NEW),
    "a new address with its environment's tags": Asked(
        "ec2:AllocateAddress", f"arn:aws:ec2:{HERE}:elastic-ip/new", NEW
    ),
    "its address, for a NAT gateway": Asked("ec2:CreateNatGateway", f"arn:aws:ec2:{HERE}:elastic-ip/eipalloc-1", TAGS),
    "the tags in the call that allocates an address": Asked(
        "ec2:CreateTags", f"arn:aws:ec2:{HERE}:elastic-ip/new", {**NEW, "ec2:CreateAction": "AllocateAddress"}
    ),
    "a database with the engine's default options": Asked(
        "rds:CreateDBInstance", f"arn:aws:rds:{HERE}:og:default:postgres-15"
    ),
    "its role, to a machine": Asked(
        "iam:PassRole",
        "arn:aws:iam::123456789012:role/rising-stars/staging/rising-stars-staging-web",
        {"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    "a role within its boundary": Asked(
        "iam:CreateRole",
        "arn:aws:iam::123456789012:role/rising-stars/staging/rising-stars-staging-web",
        {"iam:PermissionsBoundary": boundary_arn("staging")},
    ),
    "a role of flow logs within it": Asked(
        "iam:CreateRole",
        "arn:aws:iam::123456789012:role/rising-stars-staging-flow-logs",
        {"iam:PermissionsBoundary": boundary_arn("staging")},
    ),
    "the queue's name": Asked(
        "route53:ChangeResourceRecordSets",
        "arn:aws:route53:::hostedzone/Z1",
        {"route53:ChangeResourceRecordSetsNormalizedRecordNames": "queue.staging.internal"},
    ),
}

REFUSED = {
    "a secret that no run reads": Asked(
        "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:rising-stars/staging/jwt-AbCdEf"
    ),
    "production's secret": Asked(
        "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:rising-stars/production/database-AbCdEf"
    ),
    "a session on production's machine": Asked("ssm:StartSession", f"arn:aws:ec2:{HERE}:instance/i-1", FOREIGN_TAGS),
    "a session on a machine without tags": Asked("ssm:StartSession", f"arn:aws:ec2:{HERE}:instance/i-1"),
    "the termination of production's machine": Asked(
        "ec2:TerminateInstances", f"arn:aws:ec2:{HERE}:instance/i-1", FOREIGN_TAGS
    ),
    "an address without tags": Asked("ec2:ReleaseAddress", f"arn:aws:ec2:{HERE}:elastic-ip/eipalloc-1"),
    "a new address without tags": Asked("ec2:AllocateAddress", f"arn:aws:ec2:{HERE}:elastic-ip/new"),
    "an address without tags, for a NAT gateway": Asked(
        "ec2:CreateNatGateway", f"arn:aws:ec2:{HERE}:elastic-ip/eipalloc-1"
    ),
    "an address without tags, taken over by tags": Asked(
        "ec2:CreateTags", f"arn:aws:ec2:{HERE}:elastic-ip/eipalloc-1", NEW
    ),
    "a network interface without tags, taken over by tags": Asked(
        "ec2:CreateTags", f"arn:aws:ec2:{HERE}:network-interface/eni-1", NEW
    ),
    "tags for the default options": Asked("rds:AddTagsToResource", f"arn:aws:rds:{HERE}:og:default:postgres-15"),
    "the deletion of a network without tags": Asked("ec2:DeleteVpc", f"arn:aws:ec2:{HERE}:vpc/vpc-1"),
    "a machine without tags": Asked("ec2:RunInstances", f"arn:aws:ec2:{HERE}:instance/new"),
    "another account's image": Asked("ec2:RunInstances", "arn:aws:ec2:us-east-1::image/ami-1", {"ec2:Owner": "1"}),
    "production's address, taken over by tags": Asked(
        "ec2:CreateTags", f"arn:aws:ec2:{HERE}:elastic-ip/eipalloc-1", {**NEW, **FOREIGN_TAGS}
    ),
    "its machine, given to production by tags": Asked(
        "ec2:CreateTags",
        f"arn:aws:ec2:{HERE}:instance/i-1",
        {**TAGS, "aws:RequestTag/Environment": "production"},
    ),
    "its role, to another service": Asked(
        "iam:PassRole",
        "arn:aws:iam::123456789012:role/rising-stars/staging/rising-stars-staging-web",
        {"iam:PassedToService": "lambda.amazonaws.com"},
    ),
    "production's role": Asked(
        "iam:PassRole",
        "arn:aws:iam::123456789012:role/rising-stars/production/rising-stars-production-web",
        {"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    "a role without a boundary": Asked(
        "iam:CreateRole", "arn:aws:iam::123456789012:role/rising-stars/staging/rising-stars-staging-web"
    ),
    "a role of flow logs without a boundary": Asked(
        "iam:CreateRole", "arn:aws:iam::123456789012:role/rising-stars-staging-flow-logs"
    ),
    "a policy of flow logs without a boundary": Asked(
        "iam:PutRolePolicy", "arn:aws:iam::123456789012:role/rising-stars-staging-flow-logs"
    ),
    "a role within production's boundary": Asked(
        "iam:CreateRole",
        "arn:aws:iam::123456789012:role/rising-stars/staging/rising-stars-staging-web",
        {"iam:PermissionsBoundary": boundary_arn("production")},
    ),
    "another trust": Asked(
        "iam:UpdateAssumeRolePolicy", "arn:aws:iam::123456789012:role/rising-stars/staging/rising-stars-staging-web"
    ),
    "another boundary": Asked("iam:CreatePolicyVersion", boundary_arn("staging")),
    "no boundary": Asked(
        "iam:DeleteRolePermissionsBoundary",
        "arn:aws:iam::123456789012:role/rising-stars/staging/rising-stars-staging-web",
        {"iam:PermissionsBoundary": boundary_arn("staging")},
    ),
    "a user": Asked("iam:CreateUser", "arn:aws:iam::123456789012:user/backdoor"),
    "an administrator's role": Asked("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/administrator"),
    "production's database": Asked("rds:DeleteDBInstance", f"arn:aws:rds:{HERE}:db:rising-stars-production"),
    "production's group": Asked(
        "autoscaling:UpdateAutoScalingGroup",
        f"arn:aws:autoscaling:{HERE}:autoScalingGroup:1:autoScalingGroupName/rising-stars-production-web",
    ),
    "a name that is not the site's": Asked(
        "route53:ChangeResourceRecordSets",
        "arn:aws:route53:::hostedzone/Z1",
        {"route53:ChangeResourceRecordSetsNormalizedRecordNames": "www.example.com"},
    ),
    "a player's clip": Asked(
        "s3:GetObject", "arn:aws:s3:::rising-stars-staging-media-123456789012-us-east-1/unprocessed-videos/1.mp4"
    ),
}

ONLY_TO_PURGE = {
    "the deletion of a bucket": Asked(
        "s3:DeleteBucket", "arn:aws:s3:::rising-stars-staging-media-123456789012-us-east-1"
    ),
    "the deletion of a clip": Asked(
        "s3:DeleteObject", "arn:aws:s3:::rising-stars-staging-media-123456789012-us-east-1/unprocessed-videos/1.mp4"
    ),
    "the deletion of a snapshot": Asked(
        "rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:rising-stars-staging-final-1"
    ),
}


ONLY_TO_RESTORE = {
    "a database from a snapshot": Asked(
        "rds:RestoreDBInstanceFromDBSnapshot", f"arn:aws:rds:{HERE}:db:rising-stars-staging"
    ),
    "a database from a snapshot, with the engine's default options": Asked(
        "rds:RestoreDBInstanceFromDBSnapshot", f"arn:aws:rds:{HERE}:og:default:postgres-15"
    ),
    "an earlier database, with the engine's default options": Asked(
        "rds:RestoreDBInstanceToPointInTime", f"arn:aws:rds:{HERE}:og:default:postgres-15"
    ),
    "the deletion of a clip's version": Asked(
        "s3:DeleteObjectVersion",
        "arn:aws:s3:::rising-stars-staging-media-123456789012-us-east-1/processed-videos/1/2.mp4",
    ),
}


@pytest.mark.parametrize("asked", ALLOWED.values(), ids=list(ALLOWED))
def test_stagings_operator_is_allowed(asked: Asked) -> None:
    assert policies_of("staging", EVERY_DAY).granting(asked)


@pytest.mark.parametrize("asked", REFUSED.values(), ids=list(REFUSED))
def test_stagings_operator_is_denied(asked: Asked) -> None:
    assert policies_of("staging").granting(asked) == []


@pytest.mark.parametrize("asked", ONLY_TO_PURGE.values(), ids=list(ONLY_TO_PURGE))
def test_irreversible_deletions_are_allowed_by_the_purge_policy_only(asked: Asked) -> None:
    assert policies_of("staging", EVERY_DAY).granting(asked) == []
    assert policies_of("staging").granting(asked)


@pytest.mark.parametrize(
    ("name", "tags", "granted"),
    [("final-20261124070000", TAGS, True), ("before-1", TAGS, False), ("final-20261124070000", FOREIGN_TAGS, False)],
)
def test_the_prune_policy_allows_the_deletion_of_the_sites_final_snapshots_only(
    name: str, tags: dict[str, str], granted: bool
) -> None:
    asked = Asked("rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:rising-stars-staging-{name}", tags)
    assert policies_of("staging", EVERY_DAY).granting(asked) == []
    assert bool(policies_of("staging", attached("prune")).granting(asked)) is granted


@pytest.mark.parametrize("asked", ONLY_TO_RESTORE.values(), ids=list(ONLY_TO_RESTORE))
def test_a_restore_is_allowed_by_the_restore_policy_only(asked: Asked) -> None:
    assert policies_of("staging", EVERY_DAY).granting(asked) == []
    assert policies_of("staging", attached("restore")).granting(asked)
