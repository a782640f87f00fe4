"""Manage the target tracking policies of an Auto Scaling group in one task."""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: target_tracking
short_description: Manage the target tracking policies of an Auto Scaling group in one task
description:
  - Reads the group's scaling policies, writes those of O(policies) that are missing or differ, and deletes all others.
  - Replaces M(community.aws.autoscaling_policy), which needs a task for each policy, does not run in check mode, and
    always reports a change for a metric without dimensions.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  group_name:
    description: The Auto Scaling group.
    type: str
    required: true
  policies:
    description:
      - All policies of the group; an empty list deletes every policy. A policy sets the C(target_value) of either a
        predefined metric (with a C(resource_label) if the metric needs one) or a custom metric without dimensions.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Scale the group with its CPU utilization
  target_tracking:
    group_name: rising-stars-production-web
    policies:
      - {name: rising-stars-production-web-cpu, target_value: 60, predefined_metric: ASGAverageCPUUtilization}
"""

RETURN = r"""
changed_names: {description: "The policies written.", returned: always, type: list, elements: str}
removed_names: {description: "The policies deleted.", returned: always, type: list, elements: str}
"""

Policy = dict[str, Any]

POLICY = {
    "name": {"type": "str", "required": True},
    "target_value": {"type": "float", "required": True},
    "predefined_metric": {"type": "str"},
    "resource_label": {"type": "str"},
    "namespace": {"type": "str"},
    "metric_name": {"type": "str"},
    "statistic": {"type": "str", "choices": ["Average", "Minimum", "Maximum", "SampleCount", "Sum"]},
    "unit": {"type": "str"},
    "warmup_seconds": {"type": "int"},
}
RULES = {
    "mutually_exclusive": [["predefined_metric", "metric_name"]],
    "required_one_of": [["predefined_metric", "metric_name"]],
    "required_together": [["namespace", "metric_name", "statistic"]],
}


def main() -> None:
    """Run the module."""
    spec = {
        "group_name": {"type": "str", "required": True},
        "policies": {"type": "list", "elements": "dict", "required": True, "options": POLICY, **RULES},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    try:
        module.exit_json(**ensure(module))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The scaling policies of {module.params['group_name']} could not be updated")


def ensure(module: Any) -> dict[str, Any]:
    """Write policies that are missing or differ, delete those not listed, and return the module's result."""
    group = module.params["group_name"]
    client = module.client("autoscaling", retry_decorator=AWSRetry.jittered_backoff())
    pages = client.get_paginator("describe_policies").paginate(AutoScalingGroupName=group)
    found = {each["PolicyName"]: comparable(each) for each in pages.build_full_result()["ScalingPolicies"]}
    desired = {each["name"]: settings(each) for each in module.params["policies"]}
    changed = [name for name, policy in desired.items() if found.get(name) != policy]
    removed = sorted(set(found) - set(desired))
    if not module.check_mode:
        for name in changed:
            client.put_scaling_policy(AutoScalingGroupName=group, PolicyName=name, **desired[name], aws_retry=True)
        for name in removed:
            client.delete_policy(AutoScalingGroupName=group, PolicyName=name, aws_retry=True)
    return {
        "changed": bool(changed or removed),
        "changed_names": changed,
        "removed_names": removed,
        "diff": {
            "before": {name: found[name] for name in (*changed, *removed) if name in found},
            "after": {name: desired[name] for name in changed},
        },
    }


def settings(policy: Policy) -> Policy:
    """Return the arguments of PutScalingPolicy."""
    predefined = {"PredefinedMetricType": policy["predefined_metric"], "ResourceLabel": policy["resource_label"]}
    own = {
        "Namespace": policy["namespace"],
        "MetricName": policy["metric_name"],
        "Statistic": policy["statistic"],
        "Unit": policy["unit"],
    }
    desired: Policy = without_empty(
        {
            "PolicyType": "TargetTrackingScaling",
            "EstimatedInstanceWarmup": policy["warmup_seconds"],
            "TargetTrackingConfiguration": {
                "TargetValue": policy["target_value"],
                "DisableScaleIn": False,
                "PredefinedMetricSpecification": predefined,
                "CustomizedMetricSpecification": own,
            },
        }
    )
    return desired


def comparable(found: Policy) -> Policy:
    """Return the settings of an existing policy as arguments of PutScalingPolicy."""
    kept = ("PolicyType", "EstimatedInstanceWarmup", "TargetTrackingConfiguration")
    policy: Policy = without_empty({key: found[key] for key in kept if key in found})
    policy.setdefault("TargetTrackingConfiguration", {}).setdefault("DisableScaleIn", False)
    return policy


def without_empty(value: Any) -> Any:
    """Return the value without unset fields, at any depth; AWS either omits them or returns them empty."""
    if not isinstance(value, dict):
        return value
    kept = {key: without_empty(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item is not None and item not in ("", [], {})}


if __name__ == "__main__":
    main()
