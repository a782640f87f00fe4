"""Roll out a launch template version to an Auto Scaling group."""

import time
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: autoscaling_rollout
short_description: Roll out a launch template version to an Auto Scaling group
description:
  - Ensures that the group and each of its machines have the given version. If they have another version, the module
    starts an instance refresh with the given version as the desired configuration and with automatic rollback. The
    module then waits for the end of the refresh.
  - The group keeps its previous version until the refresh has succeeded. Machines that AWS launches meanwhile, or after
    a failed refresh, therefore have a version that is known to work.
  - A group without machines and with a desired capacity of 0 gets the version at once, without a refresh.
  - Replaces M(amazon.aws.autoscaling_instance_refresh), which supports neither a desired configuration nor rollback,
    and always starts a new refresh.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  group_name:
    description: The Auto Scaling group.
    type: str
    required: true
  launch_template_id:
    description: Id of the group's launch template.
    type: str
    required: true
  version:
    description: The number of the desired version. Automatic rollback supports neither C($Latest) nor C($Default).
    type: int
    required: true
  warmup_seconds:
    description: Seconds that AWS waits, once a new machine is in service, before it replaces the next one.
    type: int
    default: 60
  min_healthy_percentage:
    description: Percentage of the group that must remain in service during the refresh.
    type: int
    default: 100
  max_healthy_percentage:
    description: >-
      Largest size of the group during the refresh, as a percentage of its desired capacity; at most 100 above
      O(min_healthy_percentage).
    type: int
    default: 200
  cancel_other:
    description:
      - Whether to cancel a refresh to another version. If false, the module fails if such a refresh is in progress.
    type: bool
    default: false
  wait:
    description: Whether to wait for the end of the refresh.
    type: bool
    default: true
  wait_timeout_seconds:
    description: Seconds to wait for the end of the refresh. After that, the module fails, but the refresh continues.
    type: int
    default: 5400
  poll_seconds:
    description: Seconds between two polls.
    type: int
    default: 15
"""

EXAMPLES = r"""
- name: Roll out the newest version to each web machine
  autoscaling_rollout:
    group_name: rising-stars-production-web
    launch_template_id: lt-0123456789abcdef0
    version: 7
"""

RETURN = r"""
refresh_id: {description: "Id of the new or continued refresh; empty if there is none.", returned: always, type: str}
status: {description: "The refresh's status.", returned: when there is a refresh, type: str}
version: {description: "The group's version at the end.", returned: always, type: int}
"""

Facts = dict[str, Any]

ACTIVE = {"Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"}


def main() -> None:
    """Run the module."""
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
        module.fail_json_aws(error, msg=f"{module.params['group_name']} could not be updated to the desired version")


class Rollout:
    """The rollout of one version to one group."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._params = module.params
        self._name = module.params["group_name"]
        self._client = module.client("autoscaling", retry_decorator=AWSRetry.jittered_backoff())
        self._deadline = time.monotonic() + module.params["wait_timeout_seconds"]

    def ensure(self) -> Facts:
        """Bring the group and its machines to the desired version, and return the module's result."""
        group = self._group()
        other = self._active_refresh(to_desired=False)
        if other is None and self._runs_desired(group):
            return {"changed": False, "refresh_id": "", "version": self._params["version"]}
        diff = {"diff": {"before": {"version": version_of(group)}, "after": {"version": self._params["version"]}}}
        if other is not None and not self._params["cancel_other"]:
            self._fail(f"a refresh to version {version_of(other['DesiredConfiguration'])} is in progress", other)
        if self._module.check_mode:
            return {"changed": True, "refresh_id": "", "version": version_of(group), **diff}
        if other is not None:
            self._cancel(other)
        if not group["Instances"] and group["DesiredCapacity"] == 0:
            self._client.update_auto_scaling_group(AutoScalingGroupName=self._name, LaunchTemplate=self._template())
            return {"changed": True, "refresh_id": "", "version": self._params["version"], **diff}
        running = self._active_refresh(to_desired=True)
        refresh_id = running["InstanceRefreshId"] if running else self._start()
        if self._params["wait"]:
            self._await_success(refresh_id)
        refresh = self._refresh(refresh_id)
        version = version_of(self._group())
        return {"changed": True, "refresh_id": refresh_id, "status": refresh["Status"], "version": version, **diff}

    def _group(self) -> Facts:
        """Return the group's description."""
        groups = self._client.describe_auto_scaling_groups(AutoScalingGroupNames=[self._name], aws_retry=True)
        if not groups["AutoScalingGroups"]:
            self._module.fail_json(msg=f"There is no Auto Scaling group {self._name}.")
        found: Facts = groups["AutoScalingGroups"][0]
        return found

    def _runs_desired(self, group: Facts) -> bool:
        """Return whether the group and all its machines, except terminating ones, have the desired version."""
        staying = [each for each in group["Instances"] if not each["LifecycleState"].startswith("Terminat")]
        return all(self._has_desired_template(each) for each in [group, *staying])

    def _has_desired_template(self, holder: Facts) -> bool:
        template = holder.get("LaunchTemplate", {})
        return (template.get("LaunchTemplateId"), template.get("Version")) == tuple(self._template().values())

    def _template(self) -> Facts:
        return {"LaunchTemplateId": self._params["launch_template_id"], "Version": str(self._params["version"])}

    def _active_refresh(self, *, to_desired: bool) -> Facts | None:
        """Return an active refresh to the desired version or, if `to_desired` is false, to another version."""
        answer = self._client.describe_instance_refreshes(
            AutoScalingGroupName=self._name, MaxRecords=10, aws_retry=True
        )
        for refresh in answer["InstanceRefreshes"]:
            is_desired = self._has_desired_template(refresh.get("DesiredConfiguration", {}))
            if refresh["Status"] in ACTIVE and is_desired == to_desired:
                active: Facts = refresh
                return active
        return None

    def _start(self) -> str:
        """Start a refresh and return its id."""
        started = self._client.start_instance_refresh(
            AutoScalingGroupName=self._name,
            Strategy="Rolling",
            DesiredConfiguration={"LaunchTemplate": self._template()},
            Preferences={
                "AutoRollback": True,
                "InstanceWarmup": self._params["warmup_seconds"],
                "MinHealthyPercentage": self._params["min_healthy_percentage"],
                "MaxHealthyPercentage": self._params["max_healthy_percentage"],
                "SkipMatching": True,
            },
        )
        return str(started["InstanceRefreshId"])

    def _cancel(self, refresh: Facts) -> None:
        """Cancel a refresh to another version and wait for its end."""
        if refresh["Status"] not in {"Cancelling", "RollbackInProgress"}:
            self._client.cancel_instance_refresh(AutoScalingGroupName=self._name)
        self._await_end(refresh["InstanceRefreshId"])

    def _await_success(self, refresh_id: str) -> None:
        """Wait for the end of the refresh, and fail unless it succeeded."""
        refresh = self._await_end(refresh_id)
        if refresh["Status"] != "Successful":
            in_service = version_of(self._group())
            self._fail(f"the refresh ended as {refresh['Status']}; version {in_service} stays in service", refresh)

    def _await_end(self, refresh_id: str) -> Facts:
        refresh = self._refresh(refresh_id)
        while refresh["Status"] in ACTIVE:
            if time.monotonic() > self._deadline:
                self._fail(
                    f"the refresh still runs after {self._params['wait_timeout_seconds']} s, and continues", refresh
                )
            time.sleep(self._params["poll_seconds"])
            refresh = self._refresh(refresh_id)
        return refresh

    def _refresh(self, refresh_id: str) -> Facts:
        answer = self._client.describe_instance_refreshes(
            AutoScalingGroupName=self._name, InstanceRefreshIds=[refresh_id], aws_retry=True
        )
        found: Facts = answer["InstanceRefreshes"][0]
        return found

    def _fail(self, what: str, refresh: Facts) -> None:
        reason = refresh.get("RollbackDetails", {}).get("RollbackReason") or refresh.get("StatusReason") or "none given"
        self._module.fail_json(
            msg=f"{self._name} does not run version {self._params['version']}: {what}. "
            f"Refresh {refresh['InstanceRefreshId']}, {refresh.get('PercentageComplete', 0)} % done; reason: {reason}.",
            refresh_id=refresh["InstanceRefreshId"],
            status=refresh["Status"],
        )


def version_of(holder: Facts) -> int:
    """Return the launch template version of a group, machine or desired configuration; 0 if it is not a number."""
    version = str(holder.get("LaunchTemplate", {}).get("Version", ""))
    return int(version) if version.isdigit() else 0


if __name__ == "__main__":
    main()
