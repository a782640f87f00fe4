"""An Auto Scaling group brought to one version of its launch template."""

import time
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: autoscaling_rollout
short_description: An Auto Scaling group brought to one version of its launch template
description:
  - Sees to it that the group and each of its machines run the given version. Where they do not, starts an instance
    refresh with this version as the desired configuration and automatic rollback, and waits for its end.
  - The group keeps the version that it has until the refresh has succeeded, so that whatever AWS starts meanwhile, or
    after a failure, is what was known to work.
  - A group without machines, and none wanted, takes the version at once. There is nothing to replace.
  - M(amazon.aws.autoscaling_instance_refresh) knows no desired configuration and no rollback, and always starts anew.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  group_name:
    description: The Auto Scaling group.
    type: str
    required: true
  launch_template_id:
    description: Its launch template.
    type: str
    required: true
  version:
    description: The number of the wanted version. Only a number can be rolled back from.
    type: int
    required: true
  warmup_seconds:
    description: Seconds that a new machine is left alone after it came into service, before the next is replaced.
    type: int
    default: 60
  min_healthy_percentage:
    description: How much of the group stays in service.
    type: int
    default: 100
  max_healthy_percentage:
    description: How much of the group may be there at a time; at most 100 above O(min_healthy_percentage).
    type: int
    default: 200
  cancel_other:
    description:
      - A refresh to another version may be in progress. It is cancelled when this is true; else the module fails.
    type: bool
    default: false
  wait:
    description: Whether to wait for the end.
    type: bool
    default: true
  wait_timeout_seconds:
    description: Seconds to wait. The refresh goes on when they are over.
    type: int
    default: 5400
  poll_seconds:
    description: Seconds between two looks.
    type: int
    default: 15
"""

EXAMPLES = r"""
- name: Ensure each web machine runs the newest version
  autoscaling_rollout:
    group_name: rising-stars-production-web
    launch_template_id: lt-0123456789abcdef0
    version: 7
"""

RETURN = r"""
refresh_id: {description: "The refresh started or waited for; empty when none was needed.", returned: always, type: str}
status: {description: "Its status, as AWS names it.", returned: when there is a refresh, type: str}
version: {description: "The version that the group has in the end.", returned: always, type: int}
"""

Facts = dict[str, Any]

ACTIVE = {"Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"}


def main() -> None:
    """Bring the group to the version."""
    spec: Facts = {
        "group_name": {"type": "str", "required": True},
        "launch_template_id": {"type": "str", "required": True},
        "version": {"type": "int", "required": True},
        "warmup_seconds": {"type": "int", "default": 60},
        "min_healthy_percentage": {"type": "int", "default": 100},
        "max_healthy_percentage": {"type": "int", "default": 200},
        "cancel_other": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": True},
        "wait_timeout_seconds": {"type": "int", "default": 5400},
        "poll_seconds": {"type": "int", "default": 15},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    try:
        module.exit_json(**Rollout(module).ensure())
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{module.params['group_name']} could not be brought to the wanted version")


class Rollout:
    """One group on its way to one version."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._wanted = module.params
        self._name = module.params["group_name"]
        self._client = module.client("autoscaling", retry_decorator=AWSRetry.jittered_backoff())
        self._deadline = time.monotonic() + module.params["wait_timeout_seconds"]

    def ensure(self) -> Facts:
        """Start, or wait, or leave all as it is; what there is to tell."""
        group = self._group()
        other = self._active_refresh(to_wanted=False)
        if other is None and self._runs_wanted(group):
            return {"changed": False, "refresh_id": "", "version": self._wanted["version"]}
        told = {"diff": {"before": {"version": version_of(group)}, "after": {"version": self._wanted["version"]}}}
        if other is not None and not self._wanted["cancel_other"]:
            self._fail(f"a refresh to version {version_of(other['DesiredConfiguration'])} is in progress", other)
        if self._module.check_mode:
            return {"changed": True, "refresh_id": "", "version": version_of(group), **told}
        if other is not None:
            self._cancel(other)
        if not group["Instances"] and group["DesiredCapacity"] == 0:
            self._client.update_auto_scaling_group(AutoScalingGroupName=self._name, LaunchTemplate=self._template())
            return {"changed": True, "refresh_id": "", "version": self._wanted["version"], **told}
        running = self._active_refresh(to_wanted=True)
        refresh_id = running["InstanceRefreshId"] if running else self._start()
        if self._wanted["wait"]:
            self._see_through(refresh_id)
        refresh = self._refresh(refresh_id)
        version = version_of(self._group())
        return {"changed": True, "refresh_id": refresh_id, "status": refresh["Status"], "version": version, **told}

    def _group(self) -> Facts:
        """The group as it is."""
        groups = self._client.describe_auto_scaling_groups(AutoScalingGroupNames=[self._name], aws_retry=True)
        if not groups["AutoScalingGroups"]:
            self._module.fail_json(msg=f"There is no Auto Scaling group {self._name}.")
        found: Facts = groups["AutoScalingGroups"][0]
        return found

    def _runs_wanted(self, group: Facts) -> bool:
        """Whether the group and every machine of it, but those on their way out, have the wanted version."""
        staying = [each for each in group["Instances"] if not each["LifecycleState"].startswith("Terminat")]
        return all(self._is_wanted(each) for each in [group, *staying])

    def _is_wanted(self, bearer: Facts) -> bool:
        template = bearer.get("LaunchTemplate", {})
        return (template.get("LaunchTemplateId"), template.get("Version")) == tuple(self._template().values())

    def _template(self) -> Facts:
        return {"LaunchTemplateId": self._wanted["launch_template_id"], "Version": str(self._wanted["version"])}

    def _active_refresh(self, *, to_wanted: bool) -> Facts | None:
        """The refresh in progress, when it leads to the wanted version, or when it does not."""
        told = self._client.describe_instance_refreshes(AutoScalingGroupName=self._name, MaxRecords=10, aws_retry=True)
        for refresh in told["InstanceRefreshes"]:
            if refresh["Status"] in ACTIVE and self._is_wanted(refresh.get("DesiredConfiguration", {})) == to_wanted:
                active: Facts = refresh
                return active
        return None

    def _start(self) -> str:
        """A new refresh; its id."""
        started = self._client.start_instance_refresh(
            AutoScalingGroupName=self._name,
            Strategy="Rolling",
            DesiredConfiguration={"LaunchTemplate": self._template()},
            Preferences={
                "AutoRollback": True,
                "InstanceWarmup": self._wanted["warmup_seconds"],
                "MinHealthyPercentage": self._wanted["min_healthy_percentage"],
                "MaxHealthyPercentage": self._wanted["max_healthy_percentage"],
                "SkipMatching": True,
            },
        )
        return str(started["InstanceRefreshId"])

    def _cancel(self, refresh: Facts) -> None:
        """End a refresh to another version, wherever it has got to."""
        if refresh["Status"] not in {"Cancelling", "RollbackInProgress"}:
            self._client.cancel_instance_refresh(AutoScalingGroupName=self._name)
        self._await_end(refresh["InstanceRefreshId"])

    def _see_through(self, refresh_id: str) -> None:
        """Wait for the end, and fail unless it is a good one."""
        refresh = self._await_end(refresh_id)
        if refresh["Status"] != "Successful":
            in_service = version_of(self._group())
            self._fail(f"the refresh ended as {refresh['Status']}; in service stays version {in_service}", refresh)

    def _await_end(self, refresh_id: str) -> Facts:
        refresh = self._refresh(refresh_id)
        while refresh["Status"] in ACTIVE:
            if time.monotonic() > self._deadline:
                self._fail(
                    f"the refresh is not over after {self._wanted['wait_timeout_seconds']} s, and goes on", refresh
                )
            time.sleep(self._wanted["poll_seconds"])
            refresh = self._refresh(refresh_id)
        return refresh

    def _refresh(self, refresh_id: str) -> Facts:
        told = self._client.describe_instance_refreshes(
            AutoScalingGroupName=self._name, InstanceRefreshIds=[refresh_id], aws_retry=True
        )
        found: Facts = told["InstanceRefreshes"][0]
        return found

    def _fail(self, what: str, refresh: Facts) -> None:
        reason = refresh.get("RollbackDetails", {}).get("RollbackReason") or refresh.get("StatusReason") or "none given"
        self._module.fail_json(
            msg=f"{self._name} does not run version {self._wanted['version']}: {what}. "
            f"Refresh {refresh['InstanceRefreshId']}, {refresh.get('PercentageComplete', 0)} % done; reason: {reason}.",
            refresh_id=refresh["InstanceRefreshId"],
            status=refresh["Status"],
        )


def version_of(bearer: Facts) -> int:
    """The launch template's version that a group, a machine or a desired configuration names; 0 for none by number."""
    version = str(bearer.get("LaunchTemplate", {}).get("Version", ""))
    return int(version) if version.isdigit() else 0


if __name__ == "__main__":
    main()
