"""Patches for EC2 Auto Scaling."""

import copy
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models.launch_templates import LaunchTemplateVersion

from rehearsal.aws.patches import restores

VERSION_TAG = "aws:ec2launchtemplate:version"
"""The tag that AWS sets on each instance launched from a template."""


@restores("A group launches its instances from the template version that it names, and spreads them over its subnets")
def launch_from_the_version_in_service() -> None:
    launch_otherwise = FakeAutoScalingGroup.replace_autoscaling_group_instances

    def replace(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
        if self.ec2_launch_template is None:
            launch_otherwise(self, count_needed, propagated_tags)
            return
        version = self.ec2_launch_template.get_version(self.launch_template_version)
        for _ in range(count_needed):
            launch(self, version)

    FakeAutoScalingGroup.replace_autoscaling_group_instances = replace


def launch(group: FakeAutoScalingGroup, version: LaunchTemplateVersion) -> None:
    """Launch an instance from a template version, in the subnet with the fewest of the group's instances."""
    ec2 = group.ec2_backend
    data = version.data
    (card,) = copy.deepcopy(data.get("NetworkInterfaces")) or [{"DeviceIndex": 0}]
    card["SubnetId"] = least_used_subnet(group)
    specified = {each["ResourceType"]: each["Tags"] for each in data.get("TagSpecifications", [])}
    tags = {kind: {tag["Key"]: tag["Value"] for tag in listed} for kind, listed in specified.items()}
    tags["instance"] = {
        **tags.get("instance", {}),
        **group.get_propagated_tags(),
        "aws:autoscaling:groupName": group.name,
    }
    reservation = ec2.run_instances(
        version.image_id,
        1,
        version.user_data,
        [],
        instance_type=version.instance_type,
        is_instance_type_default=False,
        nics=[card],
        security_group_ids=card.pop("Groups", data.get("SecurityGroupIds", [])),
        launch_template={"LaunchTemplateId": version.template.id, "Version": version.number},
        block_device_mappings=data.get("BlockDeviceMappings"),
        metadata_options=data.get("MetadataOptions"),
        monitoring_state="enabled" if data.get("Monitoring", {}).get("Enabled") else "disabled",
        tags=tags,
    )
    instance: Any = reservation.instances[0]
    instance.autoscaling_group = group
    if profile := data.get("IamInstanceProfile"):
        ec2.associate_iam_instance_profile(instance.id, profile.get("Name"), profile.get("Arn"))
    protected = group.new_instances_protected_from_scale_in
    group.instance_states.append(InstanceState(instance, protected_from_scale_in=protected))


def least_used_subnet(group: FakeAutoScalingGroup) -> str:
    """Return the subnet with the fewest of the group's instances; in case of a tie, the first of these subnets."""
    homes = [state.instance.subnet_id for state in group.instance_states]
    return min((group.vpc_zone_identifier or "").split(","), key=homes.count)


@restores("DescribeAutoScalingGroups reports the template version that each instance was launched from")
def report_each_instances_version() -> None:
    def launch_template(self: InstanceState) -> dict[str, Any] | None:
        template = self.auto_scaling_group.ec2_launch_template
        if template is None:
            return None
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "Version": version_of(self),
        }

    InstanceState.launch_template = property(launch_template)


def version_of(state: InstanceState) -> str:
    """Return the template version that the instance was launched from."""
    return next((tag["value"] for tag in state.instance.get_tags() if tag["key"] == VERSION_TAG), "")


@restores("UpdateAutoScalingGroup can change the cooldown and the termination policies")
def update_all_settings() -> None:
    update = AutoScalingResponse.update_auto_scaling_group

    def update_auto_scaling_group(self: AutoScalingResponse) -> ActionResult:
        result = update(self)
        group = self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]
        if cooldown := self._get_int_param("DefaultCooldown"):
            group.default_cooldown = cooldown
        group.termination_policies = self._get_param("TerminationPolicies", group.termination_policies)
        return result

    AutoScalingResponse.update_auto_scaling_group = update_auto_scaling_group


@restores("UpdateAutoScalingGroup rejects a desired capacity below the minimum or above the maximum")
def enforce_capacity_bounds() -> None:
    update = FakeAutoScalingGroup.update

    def update_within_bounds(self: FakeAutoScalingGroup, **changes: Any) -> None:
        least, desired, most = (changes["min_size"], changes["desired_capacity"], changes["max_size"])
        least = self.min_size if least is None else least
        most = self.max_size if most is None else most
        if desired is not None and not least <= desired <= most:
            raise ValidationError(f"Desired capacity:{desired} must be between the specified min size and max size")
        update(self, **changes)

    FakeAutoScalingGroup.update = update_within_bounds


ACTIVE = ("Pending", "InProgress", "Cancelling", "RollbackInProgress")


@dataclass
class Refresh:
    """An instance refresh. Each DescribeInstanceRefreshes call advances it by one step.

    A Pending refresh launches new instances beside the old ones and becomes InProgress. Once all new instances are
    healthy, it terminates the old ones, sets the group to the new version and becomes Successful. If the version's
    image does not exist or the new instances do not become healthy in time, the refresh fails, or is rolled back if
    AutoRollback is set.
    """

    patience_seconds: ClassVar[float] = 300
    """How long new instances may take to become healthy. AWS allows more time: at least an hour."""

    group: FakeAutoScalingGroup
    version: LaunchTemplateVersion
    configuration: dict[str, Any]
    preferences: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    reason: str = ""
    started: datetime = field(default_factory=utcnow)
    ended: datetime | None = None

    @staticmethod
    def is_healthy(_instance_id: str) -> bool:
        """Return True, because moto runs no machines. The data plane replaces this method (rehearsal/hooks.py)."""
        return True

    def advance(self) -> None:
        """Advance the refresh by one step."""
        match self.status:
            case "Pending":
                self._launch_new()
            case "InProgress":
                self._wait_for_health()
            case "Cancelling":
                self._end("Cancelled")
            case "RollbackInProgress":
                self._retire(self._new())
                self._end("RollbackSuccessful")

    def _launch_new(self) -> None:
        if self.version.image_id not in self.group.ec2_backend.amis:
            self._give_up(f"Failed to launch machines: The image id '[{self.version.image_id}]' does not exist")
            return
        self.status = "InProgress"
        for _ in range(len(self._old())):
            launch(self.group, self.version)
        self.group.autoscaling_backend.update_attached_target_groups(self.group.name)

    def _wait_for_health(self) -> None:
        unhealthy = [state.instance.id for state in self._new() if not self.is_healthy(state.instance.id)]
        if not unhealthy:
            self._retire(self._old())
            self.group._set_launch_configuration("", self.configuration["LaunchTemplate"], None)
            self._end("Successful")
        elif (utcnow() - self.started).total_seconds() > self.patience_seconds:
            self._give_up(f"{', '.join(unhealthy)} did not become healthy")

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        if self.preferences.get("AutoRollback"):
            self.status = "RollbackInProgress"
        else:
            self._end("Failed")

    def _new(self) -> list[InstanceState]:
        return [each for each in self.group.instance_states if version_of(each) == str(self.version.number)]

    def _old(self) -> list[InstanceState]:
        return [each for each in self.group.instance_states if version_of(each) != str(self.version.number)]

    def _retire(self, states: list[InstanceState]) -> None:
        # First remove the instances from the group, because moto would replace a terminated member.
        self.group.instance_states = [each for each in self.group.instance_states if each not in states]
        if states:
            self.group.ec2_backend.terminate_instances([each.instance.id for each in states])
        self.group.autoscaling_backend.update_attached_target_groups(self.group.name)

    def _end(self, status: str) -> None:
        self.status = status
        self.ended = utcnow()

    def describe(self) -> dict[str, Any]:
        """Return the refresh as DescribeInstanceRefreshes describes it."""
        done = self.status == "Successful"
        return {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StatusReason": self.reason,
            "StartTime": self.started,
            "EndTime": self.ended,
            "PercentageComplete": 100 if done else 0,
            "InstancesToUpdate": 0 if done else len(self.group.instance_states),
            "Preferences": self.preferences,
            "DesiredConfiguration": self.configuration,
            "Strategy": "Rolling",
        }


def refreshes_of(group: Any) -> list[Refresh]:
    """Return the group's refreshes, newest first."""
    if not hasattr(group, "refreshes"):
        group.refreshes = []
    refreshes: list[Refresh] = group.refreshes
    return refreshes


def asked_group(response: AutoScalingResponse) -> FakeAutoScalingGroup:
    """Return the group that the request names."""
    name = response._get_param("AutoScalingGroupName")
    if name not in response.autoscaling_backend.autoscaling_groups:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return response.autoscaling_backend.autoscaling_groups[name]


@restores("An instance refresh replaces the instances, then sets the group's desired configuration")
def refresh_instances() -> None:
    answers: Any = AutoScalingResponse
    answers.start_instance_refresh = start
    answers.describe_instance_refreshes = describe
    answers.cancel_instance_refresh = lambda self: stop_refresh(self, "Cancelling")
    answers.rollback_instance_refresh = lambda self: stop_refresh(self, "RollbackInProgress")


def start(response: AutoScalingResponse) -> ActionResult:
    """Handle StartInstanceRefresh. The desired configuration must name a launch template."""
    group = asked_group(response)
    if any(refresh.status in ACTIVE for refresh in refreshes_of(group)):
        raise AutoscalingClientError(
            "InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution"
        )
    configuration = response._get_param("DesiredConfiguration")
    preferences = response._get_param("Preferences", {})
    asked = configuration["LaunchTemplate"]
    if preferences.get("AutoRollback") and not str(asked.get("Version", "")).isdigit():
        raise ValidationError("Auto rollback needs a launch template with a numeric version")
    template = group.ec2_backend.get_launch_template(asked["LaunchTemplateId"])
    version = template.get_version(asked["Version"])
    refresh = Refresh(group=group, version=version, configuration=configuration, preferences=preferences)
    refreshes_of(group).insert(0, refresh)
    return ActionResult({"InstanceRefreshId": refresh.id})


def describe(response: AutoScalingResponse) -> ActionResult:
    """Handle DescribeInstanceRefreshes, and advance each active refresh by one step."""
    asked = response._get_param("InstanceRefreshIds", [])
    found = [refresh for refresh in refreshes_of(asked_group(response)) if not asked or refresh.id in asked]
    for refresh in found:
        refresh.advance()
    return ActionResult({"InstanceRefreshes": [refresh.describe() for refresh in found]})


def stop_refresh(response: AutoScalingResponse, status: str) -> ActionResult:
    """Handle CancelInstanceRefresh and RollbackInstanceRefresh."""
    active = [refresh for refresh in refreshes_of(asked_group(response)) if refresh.status in ACTIVE]
    if not active:
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found"
        )
    active[0].status = status
    return ActionResult({"InstanceRefreshId": active[0].id})


@restores("Deleting a group deletes its scaling policies and lifecycle hooks")
def delete_policies_and_hooks_with_the_group() -> None:
    delete = AutoScalingBackend.delete_auto_scaling_group

    def delete_all(self: AutoScalingBackend, group_name: str) -> None:
        delete(self, group_name)
        for policy in self.describe_policies(group_name):
            self.delete_policy(policy.name)
        for hook in self.describe_lifecycle_hooks(group_name):
            self.delete_lifecycle_hook(group_name, hook.name)

    AutoScalingBackend.delete_auto_scaling_group = delete_all
