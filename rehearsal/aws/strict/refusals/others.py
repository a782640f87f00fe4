"""What Elastic Load Balancing, Auto Scaling, CloudWatch and Parameter Store reject."""

import re
from typing import Any

from rehearsal.aws.strict.refusals import number, outside, refuses, zones

NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


@refuses(
    "A load balancer's name",
    "elasticloadbalancing",
    "CreateLoadBalancer",
    code="ValidationError",
    words="can have a maximum of 32 characters, must contain only alphanumeric characters or hyphens, must not begin "
    'or end with a hyphen, and must not begin with "internal-".',
)
def refuse_balancer_names(request: Any) -> bool:
    name = request._get_param("Name")
    return NAME.fullmatch(name) is None or name.startswith("internal-")


@refuses(
    "A load balancer's zones",
    "elasticloadbalancing",
    "CreateLoadBalancer",
    code="ValidationError",
    words="[Application Load Balancers] You must specify subnets from at least two Availability Zones.",
)
def refuse_single_zones(request: Any) -> bool:
    return len(zones(request, request._get_param("Subnets") or [])) < 2


@refuses(
    "A target group's name",
    "elasticloadbalancing",
    "CreateTargetGroup",
    code="ValidationError",
    words="can have a maximum of 32 characters, must contain only alphanumeric characters or hyphens, and must not "
    "begin or end with a hyphen.",
)
def refuse_target_group_names(request: Any) -> bool:
    return NAME.fullmatch(request._get_param("Name")) is None


@refuses(
    "Seconds between health checks",
    "elasticloadbalancing",
    "CreateTargetGroup",
    "ModifyTargetGroup",
    code="ValidationError",
    words="The range is 5-300.",
)
def refuse_health_intervals(request: Any) -> bool:
    return outside(number(request, "HealthCheckIntervalSeconds"), 5, 300)


@refuses(
    "A listener for HTTPS has a certificate",
    "elasticloadbalancing",
    "CreateListener",
    "ModifyListener",
    code="ValidationError",
    words="[HTTPS and TLS listeners] The default certificate for the listener. You must provide exactly one "
    "certificate.",
)
def refuse_listeners_without_certificate(request: Any) -> bool:
    return request._get_param("Protocol") in {"HTTPS", "TLS"} and not request._get_param("Certificates")


@refuses(
    "A group's name",
    "autoscaling",
    "CreateAutoScalingGroup",
    code="ValidationError",
    words="You cannot use a colon (:) in the name.",
)
def refuse_group_names(request: Any) -> bool:
    name = request._get_param("AutoScalingGroupName")
    return ":" in name or len(name) > 255


@refuses(
    "A lifecycle hook's timeout",
    "autoscaling",
    "PutLifecycleHook",
    code="ValidationError",
    words="The range is from 30 to 7200 seconds.",
)
def refuse_hook_timeouts(request: Any) -> bool:
    return outside(number(request, "HeartbeatTimeout"), 30, 7200)


@refuses(
    "An alarm's period",
    "cloudwatch",
    "PutMetricAlarm",
    code="ValidationError",
    words="Valid values are 10, 20, 30, and any multiple of 60.",
)
def refuse_periods(request: Any) -> bool:
    period = number(request, "Period")
    return period is not None and period not in {10, 20, 30} and period % 60 != 0


@refuses(
    "An alarm's total evaluation period",
    "cloudwatch",
    "PutMetricAlarm",
    code="ValidationError",
    words="For alarms with a period of less than one hour (3,600 seconds), the total evaluation period can't be longer "
    "than one day (86,400 seconds).",
)
def refuse_long_evaluations(request: Any) -> bool:
    period, periods = number(request, "Period"), number(request, "EvaluationPeriods") or 1
    return period is not None and period * periods > (86_400 if period < 3600 else 604_800)


@refuses(
    "The retention of logs",
    "logs",
    "PutRetentionPolicy",
    code="InvalidParameterException",
    words=f"Possible values are: {', '.join(map(str, RETENTIONS[:-1]))}, and {RETENTIONS[-1]}.",
)
def refuse_log_retention(request: Any) -> bool:
    return number(request, "retentionInDays") not in RETENTIONS


@refuses(
    "A parameter's size",
    "ssm",
    "PutParameter",
    code="ValidationException",
    words="Standard parameters have a value limit of 4 KB.",
)
def refuse_large_parameters(request: Any) -> bool:
    return request._get_param("Tier") in {None, "Standard"} and len(request._get_param("Value").encode()) > 4096


@refuses(
    "A parameter's name",
    "ssm",
    "PutParameter",
    code="ValidationException",
    words='A parameter name can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
)
def refuse_parameter_names(request: Any) -> bool:
    name = request._get_param("Name")
    return re.match("/?(aws|ssm)", name, re.IGNORECASE) is not None or re.search(r"[^\w./-]", name) is not None
