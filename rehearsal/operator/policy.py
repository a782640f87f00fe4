"""Compare the operator policies (docs/operator-policy) with the permissions that playbook runs need."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rehearsal.aws.authorization import Attachment
from rehearsal.aws.permissions import Asked, Policies, Roles, Site
from rehearsal.aws.recording import Call
from rehearsal.operator.playbooks import REPOSITORY

FILES: list[Path] = sorted((REPOSITORY / "docs" / "operator-policy").glob("*.json"))
BOUNDARY = REPOSITORY / "docs" / "operator-policy" / "boundary" / "machines.json"
"""The permissions boundary of an environment's roles. An administrator creates it; it grants the operator nothing."""
OCCASIONS = {"prune", "purge", "restore"}
"""The policies that are attached to an operator only for a destruction with purge, for a restore, or in environments
that delete old final snapshots."""
EVERY_DAY: list[Path] = [file for file in FILES if file.stem not in OCCASIONS]
PLACES = {"ACCOUNT": "123456789012", "REGION": "us-east-1", "DOMAIN": "example.com"}
DEBIAN = {"ami-0debian1200000001": "136693071363", "ami-0debian1200000002": "136693071363"}
"""Public images in mock AWS → the account that publishes them."""


def attachment_of(caller: str, environment: str, *occasions: str) -> Attachment:
    """Return an operator's attachment in mock AWS: the permanent policies, and those for `occasions`."""
    policies = policies_of(environment, attached(*occasions))
    path, tags = f"/rising-stars/{environment}/", {"Project": "rising-stars", "Environment": environment}
    return Attachment(caller, [dict(statement) for statement in policies.statements], path, tags, DEBIAN)


def policies_of(environment: str, files: Iterable[Path] = FILES) -> Policies:
    """Return the policies with their placeholders replaced, as docs/deploy.md describes."""
    return Policies.read(files, {**PLACES, "ENVIRONMENT": environment})


def attached(*occasions: str) -> list[Path]:
    """Return the files of the permanent policies, and of the policies for `occasions`."""
    return [file for file in FILES if file in EVERY_DAY or file.stem in occasions]


def boundary_arn(environment: str) -> str:
    """Return the ARN of the policy that an administrator creates from `BOUNDARY`."""
    return f"arn:aws:iam::{PLACES['ACCOUNT']}:policy/rising-stars-{environment}-boundary"


def create_boundary(iam: Any, environment: str) -> str:
    """Create the boundary as an administrator does, and return its ARN."""
    text = BOUNDARY.read_text()
    for name, value in {**PLACES, "ENVIRONMENT": environment}.items():
        text = text.replace(name, value)
    created = iam.create_policy(PolicyName=f"rising-stars-{environment}-boundary", PolicyDocument=text)
    return str(created["Policy"]["Arn"])


def asked_by(calls: Iterable[Call], environment: str, *, before: Iterable[Call] = ()) -> list[Asked]:
    """Return every permission that `calls` need, in order. `before` contains all earlier calls."""
    tags = {"Project": "rising-stars", "Environment": environment}
    site, roles = Site(tags, DEBIAN), Roles(f"/rising-stars/{environment}/")
    for call in before:
        roles.follow(call)
    needed = []
    for call in calls:
        needed += site.asked(call, roles)
        roles.follow(call)
    return needed


def refused(
    calls: Iterable[Call], environment: str, files: Iterable[Path] = EVERY_DAY, *, before: Iterable[Call] = ()
) -> list[str]:
    """Return the permissions that `calls` need but the policies do not grant."""
    policies = policies_of(environment, files)
    denied = [asked for asked in asked_by(calls, environment, before=before) if not policies.granting(asked)]
    return list(dict.fromkeys(f"{asked.action} on {asked.resource}" for asked in denied))


def unseen(calls: Iterable[Call], environment: str) -> set[str]:
    """Return the actions that the policies allow but `calls` do not need."""
    return policies_of(environment).actions() - {asked.action for asked in asked_by(calls, environment)}


UNSEEN = {
    "A module needs it when a setting changes, or when a resource was changed by hand": [
        "autoscaling:AttachLoadBalancerTargetGroups",
        "autoscaling:CancelInstanceRefresh",
        "autoscaling:DeleteLifecycleHook",
        "autoscaling:DeleteTags",
        "autoscaling:DetachLoadBalancerTargetGroups",
        "ec2:AssociateIamInstanceProfile",
        "ec2:DeleteRoute",
        "ec2:DeleteTags",
        "ec2:DescribeIamInstanceProfileAssociations",
        "ec2:ModifyInstanceMetadataOptions",
        "ec2:ModifySubnetAttribute",
        "ec2:ReplaceIamInstanceProfileAssociation",
        "ec2:ReplaceRoute",
        "ec2:StartInstances",
        "ec2:StopInstances",
        "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
        "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        "elasticloadbalancing:DeleteRule",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:ModifyRule",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetRulePriorities",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:SetSubnets",
        "iam:DetachRolePolicy",
        "iam:UntagInstanceProfile",
        "iam:UntagRole",
        "iam:PutRolePermissionsBoundary",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription",
        "logs:TagLogGroup",
        "logs:UntagLogGroup",
        "rds:ModifyDBInstance",
        "rds:ModifyDBSubnetGroup",
        "rds:RemoveTagsFromResource",
        "route53:AssociateVPCWithHostedZone",
        "s3:PutBucketCORS",
        "secretsmanager:PutSecretValue",
        "secretsmanager:RestoreSecret",
        "secretsmanager:UntagResource",
        "secretsmanager:UpdateSecret",
        "secretsmanager:UpdateSecretVersionStage",
        "sns:GetSubscriptionAttributes",
        "sns:Subscribe",
        "sns:Unsubscribe",
        "sns:UntagResource",
        "ssm:RemoveTagsFromResource",
    ],
    "A module needs it to create or to delete snapshots": ["rds:CreateDBSnapshot", "rds:DeleteDBSnapshot"],
    "Flow logs, off by default: CloudFormation creates them with the operator's permissions": [
        "cloudformation:CreateStack",
        "cloudformation:DeleteStack",
        "cloudformation:DescribeStackEvents",
        "cloudformation:GetTemplate",
        "cloudformation:ListStackResources",
        "cloudformation:TagResource",
        "cloudformation:UpdateStack",
        "ec2:CreateFlowLogs",
        "ec2:DeleteFlowLogs",
        "ec2:DescribeFlowLogs",
        "logs:ListTagsForResource",
    ],
    "Sessions: configure_hosts.yml over Systems Manager, which moto does not have": [
        "s3:DeleteObject",
        "s3:GetObjectTagging",
        "ssm:ResumeSession",
        "ssm:StartSession",
        "ssm:TerminateSession",
        "ssmmessages:OpenDataChannel",
    ],
    "restore_site.yml, which the rehearsal runs (rehearsal/scenarios/restoring.py), and its section of the runbook": [
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
    ],
    "aws_image needs it only if a builder fails": ["ec2:GetConsoleOutput"],
    "Reading by hand: the runbook's commands and the dashboard": [
        "autoscaling:DescribeScalingActivities",
        "cloudtrail:LookupEvents",
        "cloudwatch:GetMetricData",
        "elasticloadbalancing:DescribeTargetHealth",
        "logs:FilterLogEvents",
        "rds:DescribeEvents",
    ],
    "AWS checks it implicitly, or because of a request's header": [
        "ec2:DescribeAvailabilityZones",
        "s3:PutObjectTagging",
    ],
}
"""Reason → the actions that are allowed for this reason, although a run of the whole site on mock AWS needs none."""
