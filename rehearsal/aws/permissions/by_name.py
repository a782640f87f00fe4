"""The permissions for calls to services whose requests name their resources in parameters."""

import re
from collections.abc import Iterator, Mapping

from rehearsal.aws.recording import Call

Needed = tuple[str, str, dict[str, str]]
"""Action, resource, and the condition keys that the request sets."""

REGION, ACCOUNT = "us-east-1", "123456789012"

NAMED: dict[str, dict[str, str]] = {
    "autoscaling": {"AutoScalingGroupName": ":autoScalingGroup:any:autoScalingGroupName/{}"},
    "cloudformation": {"StackName": ":stack/{}/any"},
    "cloudwatch": {
        r"AlarmNames?(\.member)?(\.\d+)?": ":alarm:{}",
        r"DashboardNames?(\.member)?(\.\d+)?": "::dashboard/{}",
    },
    "iam": {
        "AWSServiceName": "::role/aws-service-role/{}/any",
        "RoleName": "::role{path}{}",
        "InstanceProfileName": "::instance-profile{path}{}",
    },
    "logs": {"logGroupName": ":log-group:{}"},
    "rds": {
        "(Source|Target)?DBInstanceIdentifier": ":db:{}",
        "DBParameterGroupName": ":pg:{}",
        "DBSubnetGroupName": ":subgrp:{}",
        "(Final)?DBSnapshotIdentifier": ":snapshot:{}",
    },
    "secretsmanager": {"(SecretId|Name)": ":secret:{}-AbCdEf"},
    "sns": {"Name": ":{}"},
    "ssm": {r"(Name|Path|ResourceId|Names\.\d+)": ":parameter{}"},
}
"""Service → request parameter → template for the part of the resource's ARN that follows the account ID.

The names of parameters are regular expressions. A template that starts with "::" is for an ARN without a region.
"""
ARNS = re.compile(r"(\w*Arns?|ResourceName|ResourceARN|SecretId|StackName)(\.|$)")

ALL_OR_NOTHING = re.compile(
    r"autoscaling:Describe|cloudwatch:DescribeAlarms|elasticloadbalancing:Describe|rds:Describe"
    r"|logs:DescribeLogGroups|sns:(ListTopics|Unsubscribe|GetSubscriptionAttributes)|ssm:DescribeParameters"
)
"""Actions without resource-level permissions: policies can allow them only on all resources."""

TAGGING = {
    "autoscaling": "CreateOrUpdateTags",
    "cloudformation": "TagResource",
    "cloudwatch": "TagResource",
    "elasticloadbalancing": "AddTags",
    "logs": "TagResource",
    "rds": "AddTagsToResource",
    "secretsmanager": "TagResource",
    "sns": "TagResource",
    "ssm": "AddTagsToResource",
}
TAGGING_IN_IAM = {"CreateRole": "TagRole", "CreateInstanceProfile": "TagInstanceProfile"}
"""Service, or operation of IAM → the action that a request also needs if it creates a resource with tags."""


WITH_DEFAULT_OPTIONS = {
    "rds:CreateDBInstance",
    "rds:RestoreDBInstanceFromDBSnapshot",
    "rds:RestoreDBInstanceToPointInTime",
}
"""Actions that also need a permission on the database's option group, by default the engine's default group."""


def needed(service: str, call: Call, path: str) -> Iterator[Needed]:
    """Yield the permissions that a call needs. `path` is the IAM path of the role or instance profile."""
    action, tags = f"{service}:{call.operation}", tags_of(call.parameters)
    resources = [] if ALL_OR_NOTHING.match(action) else list(_resources(service, call.parameters, path))
    tagging = TAGGING_IN_IAM.get(call.operation) if service == "iam" else TAGGING.get(service)
    for resource in resources or ["*"]:
        yield action, resource, tags
        if tags and tagging not in {None, call.operation}:
            yield f"{service}:{tagging}", resource, tags
    if action in WITH_DEFAULT_OPTIONS:
        yield action, arn(service, f":og:{call.parameters.get('OptionGroupName', 'default:postgres-15')}"), tags


def _resources(service: str, parameters: Mapping[str, str], path: str) -> Iterator[str]:
    for name, value in parameters.items():
        if value.startswith("arn:") and ARNS.match(name):
            yield value
        else:
            for pattern, template in NAMED.get(service, {}).items():
                if re.fullmatch(pattern, name):
                    yield arn(service, template.format(value, path=path))
    if service == "elasticloadbalancing" and "Name" in parameters:
        kind = ":targetgroup/{}/any" if "Protocol" in parameters else ":loadbalancer/app/{}/any"
        yield arn(service, kind.format(parameters["Name"]))


def arn(service: str, rest: str) -> str:
    region = "" if rest.startswith("::") else REGION
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest.lstrip(':')}"


def tags_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in a request, in any of the services' notations, as condition keys."""
    keys = {name: value for name, value in parameters.items() if re.match(r"Tags?(\.\w+)*\.\d+\.Key$", name)}
    tags = {value: parameters.get(name.removesuffix("Key") + "Value", "") for name, value in keys.items()}
    tags |= {name.removeprefix("tags."): value for name, value in parameters.items() if name.startswith("tags.")}
    return {f"aws:RequestTag/{key}": value for key, value in tags.items()}
