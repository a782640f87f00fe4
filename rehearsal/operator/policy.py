"""What an operator is allowed (docs/operator-policy), against what runs of playbooks ask of AWS."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rehearsal.aws.permissions import Asked, Policies, Roles, Site
from rehearsal.aws.recording import Call
from rehearsal.operator.playbooks import REPOSITORY

FILES: list[Path] = sorted((REPOSITORY / "docs" / "operator-policy").glob("*.json"))
BOUNDARY = REPOSITORY / "docs" / "operator-policy" / "boundary" / "machines.json"
"""What no role of an environment may exceed. An administrator makes it; it is attached to no operator."""
OCCASIONS = {"purge", "restore"}
"""Those that one attaches for a day."""
EVERY_DAY: list[Path] = [file for file in FILES if file.stem not in OCCASIONS]
PLACES = {"ACCOUNT": "123456789012", "REGION": "us-east-1", "DOMAIN": "example.com"}
DEBIAN = {"ami-0debian1200000001": "136693071363", "ami-0debian1200000002": "136693071363"}
"""Images that others publish, in the AWS of tests."""


def policies_of(environment: str, files: Iterable[Path] = FILES) -> Policies:
    """With the placeholders filled in, as docs/deploy.md says."""
    return Policies.read(files, {**PLACES, "ENVIRONMENT": environment})


def attached(*occasions: str) -> list[Path]:
    """Those of every day, and of these occasions."""
    return [file for file in FILES if file in EVERY_DAY or file.stem in occasions]


def boundary_arn(environment: str) -> str:
    """The policy that an administrator makes of `BOUNDARY`."""
    return f"arn:aws:iam::{PLACES['ACCOUNT']}:policy/rising-stars-{environment}-boundary"


def create_boundary(iam: Any, environment: str) -> str:
    """Make the boundary as an administrator makes it, and return its ARN."""
    text = BOUNDARY.read_text()
    for name, value in {**PLACES, "ENVIRONMENT": environment}.items():
        text = text.replace(name, value)
    created = iam.create_policy(PolicyName=f"rising-stars-{environment}-boundary", PolicyDocument=text)
    return str(created["Policy"]["Arn"])


def asked_by(calls: Iterable[Call], environment: str, *, before: Iterable[Call] = ()) -> list[Asked]:
    """Every permission that these calls need, in their order; `before` are the calls that made what they find."""
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
    """What the policies do not allow, of what these calls need."""
    policies = policies_of(environment, files)
    denied = [asked for asked in asked_by(calls, environment, before=before) if not policies.granting(asked)]
    return list(dict.fromkeys(f"{asked.action} on {asked.resource}" for asked in denied))


def unseen(calls: Iterable[Call], environment: str) -> set[str]:
    """Actions that the policies allow, and that these calls do not need."""
    return policies_of(environment).actions() - {asked.action for asked in asked_by(calls, environment)}


UNSEEN = {
    "A module asks for it when a setting changes, or when somebody changed what is there": [
        "autoscaling:AttachLoadBalancerTargetGroups",
        "autoscaling:CancelInstanceRefresh",
        "autoscaling:DeleteLifecycleHook",
        "autoscaling:DeleteTags",
        "autoscaling:DetachLoadBalancerTargetGroups",
        "autoscaling:StartInstanceRefresh",
        "ec2:AssociateIamInstanceProfile",
        "ec2:CreateLaunchTemplateVersion",
        "ec2:DeleteLaunchTemplateVersions",
        "ec2:DeleteRoute",
        "ec2:DeleteTags",
        "ec2:DescribeIamInstanceProfileAssociations",
        "ec2:ModifyInstanceMetadataOptions",
        "ec2:ModifyLaunchTemplate",
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
    "A module asks for it to keep or to delete snapshots": ["rds:CreateDBSnapshot", "rds:DeleteDBSnapshot"],
    "Flow logs, off by default: CloudFormation makes them in the operator's name": [
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
    "restore_site.yml, seen in the rehearsal (rehearsal/scenarios/restoring.py), and its part of the runbook": [
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
    ],
    "Reading by hand: the runbook's commands, and the dashboard": [
        "autoscaling:DescribeScalingActivities",
        "cloudtrail:LookupEvents",
        "cloudwatch:GetMetricData",
        "ec2:GetConsoleOutput",
        "elasticloadbalancing:DescribeTargetHealth",
        "logs:FilterLogEvents",
        "rds:DescribeEvents",
    ],
    "AWS asks for it on its own account, or for what a request says in a header": [
        "ec2:DescribeAvailabilityZones",
        "iam:CreateServiceLinkedRole",
        "s3:PutObjectTagging",
    ],
}
"""Why a run of the whole site on the AWS of tests does not show that these are needed."""
