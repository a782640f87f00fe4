"""Manage a set of CloudWatch alarms in one task."""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: metric_alarms
short_description: Manage a set of CloudWatch alarms in one task
description:
  - Reads every alarm whose name begins with O(prefix). Of these, the module deletes all alarms that O(alarms) does not
    list. It writes the alarms of O(alarms) that are missing or differ.
  - Writes all settings of an alarm, which undoes changes made by hand. Keeps tags that O(tags) does not name.
  - Replaces M(amazon.aws.cloudwatch_metric_alarm), which needs a task for each alarm, and always reports a change for
    metric math.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  state:
    description: V(absent) deletes all alarms with the prefix.
    type: str
    choices: [present, absent]
    default: present
  prefix:
    description: Prefix of the names of all alarms in the set. No other alarm may have it.
    type: str
    required: true
  tags:
    description: Tags of each alarm. C(Name) is added.
    type: dict
    default: {}
  alarms:
    description:
      - The alarms of the set. An alarm watches either one metric (namespace, metric_name, dimensions, period_seconds,
        and statistic or extended_statistic, for example "p95") or the result of metric math, which is the entry of
        C(metrics) whose return_data is true.
      - C(datapoints_to_alarm) defaults to C(evaluation_periods).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Create or update the alarms
  metric_alarms:
    prefix: rising-stars-production-site-
    alarms:
      - name: rising-stars-production-site-slow
        description: Pages are slow.
        namespace: AWS/ApplicationELB
        metric_name: TargetResponseTime
        dimensions: {LoadBalancer: app/rising-stars-production/0123456789abcdef}
        extended_statistic: p95
        period_seconds: 60
        evaluation_periods: 5
        datapoints_to_alarm: 4
        threshold: 2
        comparison_operator: GreaterThanThreshold
        treat_missing_data: notBreaching
"""

RETURN = r"""
names: {description: "The alarms of the set, in order.", returned: always, type: list, elements: str}
changed_names: {description: "The alarms written or tagged.", returned: always, type: list, elements: str}
removed_names: {description: "The alarms deleted.", returned: always, type: list, elements: str}
"""

Alarm = dict[str, Any]

DELETED_AT_ONCE = 100
"""The largest number of alarms that one call of DeleteAlarms accepts."""

DIRECT = ("Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Unit", "Metrics")
SETTINGS = (
    *("AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
    *("ComparisonOperator", "Threshold", "EvaluationPeriods", "DatapointsToAlarm", "TreatMissingData"),
    *("EvaluateLowSampleCountPercentile", *DIRECT),
)
"""Arguments of PutMetricAlarm that DescribeAlarms returns under the same names."""

METRIC = {
    "namespace": {"type": "str"},
    "metric_name": {"type": "str"},
    "dimensions": {"type": "dict"},
    "period_seconds": {"type": "int"},
}
QUERY = {
    "id": {"type": "str", "required": True},
    "expression": {"type": "str"},
    "label": {"type": "str"},
    "return_data": {"type": "bool", "default": True},
    "statistic": {"type": "str"},
    **METRIC,
}
ALARM = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str", "required": True},
    "statistic": {"type": "str", "choices": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]},
    "extended_statistic": {"type": "str"},
    "metrics": {
        "type": "list",
        "elements": "dict",
        "options": QUERY,
        "mutually_exclusive": [["expression", "metric_name"]],
        "required_one_of": [["expression", "metric_name"]],
        "required_together": [["namespace", "metric_name", "statistic"]],
        "required_by": {"metric_name": ["period_seconds"], "dimensions": ["metric_name"]},
    },
    "evaluation_periods": {"type": "int", "required": True},
    "datapoints_to_alarm": {"type": "int"},
    "threshold": {"type": "float", "required": True},
    "comparison_operator": {
        "type": "str",
        "required": True,
        "choices": [
            *("GreaterThanThreshold", "GreaterThanOrEqualToThreshold"),
            *("LessThanThreshold", "LessThanOrEqualToThreshold"),
        ],
    },
    "treat_missing_data": {
        "type": "str",
        "choices": ["breaching", "notBreaching", "ignore", "missing"],
        "default": "missing",
    },
    "alarm_actions": {"type": "list", "elements": "str", "default": []},
    "ok_actions": {"type": "list", "elements": "str", "default": []},
    **METRIC,
}
ALARM_RULES = {
    "mutually_exclusive": [["metrics", each] for each in (*METRIC, "statistic", "extended_statistic")]
    + [["statistic", "extended_statistic"]],
    "required_one_of": [["metrics", "metric_name"], ["metrics", "statistic", "extended_statistic"]],
    "required_together": [["namespace", "metric_name", "period_seconds"]],
}


def main() -> None:
    """Run the module."""
    spec = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "prefix": {"type": "str", "required": True},
        "tags": {"type": "dict", "default": {}},
        "alarms": {"type": "list", "elements": "dict", "default": [], "options": ALARM, **ALARM_RULES},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    validate_names(module)
    try:
        module.exit_json(**ensure(module))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The alarms {module.params['prefix']}* could not be updated")


def validate_names(module: Any) -> None:
    """Fail if a name appears twice or lacks the prefix. The module finds its alarms only by the prefix."""
    names = [alarm["name"] for alarm in module.params["alarms"]]
    prefix = module.params["prefix"]
    wrong = [name for name in names if not name.startswith(prefix)]
    if not prefix or wrong:
        module.fail_json(msg=f"alarms: each name must begin with the prefix {prefix!r}; these do not: {wrong}.")
    if len(set(names)) < len(names):
        module.fail_json(msg=f"alarms: a name appears twice in {sorted(names)}.")


def ensure(module: Any) -> dict[str, Any]:
    """Write alarms that are missing or differ, delete those not listed, and return the module's result."""
    client = module.client("cloudwatch", retry_decorator=AWSRetry.jittered_backoff())
    present = module.params["state"] == "present"
    desired = {alarm["name"]: settings(alarm) for alarm in module.params["alarms"]} if present else {}
    found = find(client, module.params["prefix"])
    tags = {name: {**module.params["tags"], "Name": name} for name in desired}

    rewritten = [name for name in desired if name not in found or comparable(found[name]) != comparable(desired[name])]
    retagged = {name: missing_tags(client, found[name], tags[name]) for name in desired if name in found}
    changed = [name for name in desired if name in rewritten or retagged.get(name)]
    removed = sorted(set(found) - set(desired))
    if not module.check_mode:
        for name in rewritten:
            client.put_metric_alarm(**desired[name], Tags=as_list(tags[name], "Key"), aws_retry=True)
        for name, missing in retagged.items():
            if missing:
                client.tag_resource(ResourceARN=found[name]["AlarmArn"], Tags=as_list(missing, "Key"), aws_retry=True)
        for first in range(0, len(removed), DELETED_AT_ONCE):
            client.delete_alarms(AlarmNames=removed[first : first + DELETED_AT_ONCE], aws_retry=True)
    return {
        "changed": bool(changed or removed),
        "names": list(desired),
        "changed_names": changed,
        "removed_names": removed,
        "diff": {
            "before": {name: comparable(found[name]) for name in (*changed, *removed) if name in found},
            "after": {
                name: {**comparable(desired[name]), **({"Tags": retagged[name]} if retagged.get(name) else {})}
                for name in changed
            },
        },
    }


def find(client: Any, prefix: str) -> dict[str, Alarm]:
    """Return the metric alarms with the prefix, by name."""
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"])
    alarms = AWSRetry.jittered_backoff()(lambda: pages.build_full_result()["MetricAlarms"])()
    return {alarm["AlarmName"]: alarm for alarm in alarms}


def missing_tags(client: Any, alarm: Alarm, tags: dict[str, str]) -> dict[str, str]:
    """Return the tags that the alarm lacks or has with another value."""
    listed = client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"], aws_retry=True)["Tags"]
    present = {tag["Key"]: tag["Value"] for tag in listed}
    return {key: str(value) for key, value in tags.items() if present.get(key) != str(value)}


def settings(alarm: Alarm) -> Alarm:
    """Return the arguments of PutMetricAlarm without the tags."""
    desired = {
        "AlarmName": alarm["name"],
        "AlarmDescription": alarm["description"],
        "ActionsEnabled": True,
        "AlarmActions": alarm["alarm_actions"],
        "OKActions": alarm["ok_actions"],
        "ComparisonOperator": alarm["comparison_operator"],
        "Threshold": alarm["threshold"],
        "EvaluationPeriods": alarm["evaluation_periods"],
        "DatapointsToAlarm": alarm["datapoints_to_alarm"] or alarm["evaluation_periods"],
        "TreatMissingData": alarm["treat_missing_data"],
        "Statistic": alarm["statistic"],
        "ExtendedStatistic": alarm["extended_statistic"],
        "Period": alarm["period_seconds"],
        **metric(alarm),
        "Metrics": [query(item) for item in alarm["metrics"] or []],
    }
    return without_empty(desired)


def query(item: dict[str, Any]) -> dict[str, Any]:
    """Return one query of metric math: a metric, or an expression over other queries."""
    desired = {"Id": item["id"], "Label": item["label"], "ReturnData": item["return_data"]}
    if item["expression"]:
        return without_empty({**desired, "Expression": item["expression"], "Period": item["period_seconds"]})
    stat = {"Metric": metric(item), "Period": item["period_seconds"], "Stat": item["statistic"]}
    return without_empty({**desired, "MetricStat": stat})


def metric(item: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that identify the metric."""
    names = {"Namespace": item["namespace"], "MetricName": item["metric_name"]}
    return without_empty({**names, "Dimensions": as_list(item["dimensions"] or {}, "Name")})


def as_list(values: dict[str, Any], key: str) -> list[dict[str, str]]:
    """Convert a dictionary to CloudWatch's list of names (under `key`) and values, sorted by name."""
    return [{key: name, "Value": str(value)} for name, value in sorted(values.items())]


def without_empty(values: dict[str, Any]) -> dict[str, Any]:
    """Return the dictionary without unset values, which CloudWatch either omits or returns as an empty list."""
    return {key: value for key, value in values.items() if value is not None and value not in ("", [], {})}


def comparable(alarm: Alarm) -> Alarm:
    """Return the alarm's settings as arguments of PutMetricAlarm, with lists in a fixed order, for a comparison."""
    kept = {key: alarm[key] for key in SETTINGS if key in alarm}
    return without_empty(in_order(kept))


def in_order(value: Any) -> Any:
    """Sort lists of dimensions by name, of metrics by id, and of strings alphabetically; remove empty values."""
    if isinstance(value, dict):
        return without_empty({key: in_order(item) for key, item in value.items()})
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted((in_order(item) for item in value), key=lambda item: str(item.get("Id", item.get("Name"))))
    return sorted(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
