"""EC2 Auto Scaling."""

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
"""What AWS writes on a machine that it launched from a template."""


@restores("A group's machines are launched from the template version that the group names, spread over its subnets")
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
    """One machine, as the version's data say, in the subnet that has the fewest of the group."""
    ec2 = group.ec2_backend
    data = version.data
    (card,) = copy.deepcopy(data.get("NetworkInterfaces")) or [{"DeviceIndex": 0}]
    card["SubnetId"] = emptiest_subnet(group)
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


def emptiest_subnet(group: FakeAutoScalingGroup) -> str:
    """The subnet with the fewest of the group's machines; the first of equals."""
    homes = [state.instance.subnet_id for state in group.instance_states]
    return min((group.vpc_zone_identifier or "").split(","), key=homes.count)


@restores("DescribeAutoScalingGroups tells of each machine the template version that it was launched from")
def tell_each_machines_version() -> None:
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
    """The template version that the machine was launched from."""
    return next((tag["value"] for tag in state.instance.get_tags() if tag["key"] == VERSION_TAG), "")


@restores("UpdateAutoScalingGroup changes cooldown and termination policies, too")
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


@restores("UpdateAutoScalingGroup refuses a desired capacity outside of the minimum and the maximum")
def hold_the_bounds() -> None:
    update = FakeAutoScalingGroup.update

    def update_within_bounds(self: FakeAutoScalingGroup, **changes: Any) -> None:
        least, wanted, most = (changes["min_size"], changes["desired_capacity"], changes["max_size"])
        least = self.min_size if least is None else least
        most = self.max_size if most is None else most
        if wanted is not None and not least <= wanted <= most:
            raise ValidationError(f"Desired capacity:{wanted} must be between the specified min size and max size")
        update(self, **changes)

    FakeAutoScalingGroup.update = update_within_bounds


ACTIVE = ("Pending", "InProgress", "Cancelling", "RollbackInProgress")


@dataclass
class Refresh:
    """An instance refresh. It goes one step on whenever somebody asks for it.

    Pending: new machines are launched beside the old → InProgress, until all of them are healthy → Successful: the old
    are gone, and the group names the new version. A version whose image does not exist cannot be launched, and new
    machines that are not healthy in time are given up: the refresh fails, and is rolled back when AutoRollback says so.
    """

    patience_seconds: ClassVar[float] = 300
    """How long new machines may take. AWS launches others in their place for an hour, at least."""

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
        """Here nothing runs, so nothing is ill; where machines run, their plane knows better."""
        return True

    def go_on(self) -> None:
        """One step."""
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
        ill = [state.instance.id for state in self._new() if not self.is_healthy(state.instance.id)]
        if not ill:
            self._retire(self._old())
            self.group._set_launch_configuration("", self.configuration["LaunchTemplate"], None)
            self._end("Successful")
        elif (utcnow() - self.started).total_seconds() > self.patience_seconds:
            self._give_up(f"{', '.join(ill)} did not become healthy")

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
        # Out of the group first: it replaces a member that goes.
        self.group.instance_states = [each for each in self.group.instance_states if each not in states]
        if states:
            self.group.ec2_backend.terminate_instances([each.instance.id for each in states])
        self.group.autoscaling_backend.update_attached_target_groups(self.group.name)

    def _end(self, status: str) -> None:
        self.status = status
        self.ended = utcnow()

    def told(self) -> dict[str, Any]:
        """As DescribeInstanceRefreshes tells it."""
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
    """The group's refreshes, newest first; they are forgotten with the group."""
    if not hasattr(group, "refreshes"):
        group.refreshes = []
    refreshes: list[Refresh] = group.refreshes
    return refreshes


def asked_group(response: AutoScalingResponse) -> FakeAutoScalingGroup:
    """The group that the request names."""
    name = response._get_param("AutoScalingGroupName")
    if name not in response.autoscaling_backend.autoscaling_groups:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return response.autoscaling_backend.autoscaling_groups[name]


@restores("StartInstanceRefresh and its kin: machines are replaced, then the group takes the desired configuration")
def refresh_instances() -> None:
    answers: Any = AutoScalingResponse
    answers.start_instance_refresh = start
    answers.describe_instance_refreshes = describe
    answers.cancel_instance_refresh = lambda self: turn_round(self, "Cancelling")
    answers.rollback_instance_refresh = lambda self: turn_round(self, "RollbackInProgress")


def start(response: AutoScalingResponse) -> ActionResult:
    """StartInstanceRefresh, with a launch template in the desired configuration."""
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
    """DescribeInstanceRefreshes; those in progress go a step on."""
    asked = response._get_param("InstanceRefreshIds", [])
    found = [refresh for refresh in refreshes_of(asked_group(response)) if not asked or refresh.id in asked]
    for refresh in found:
        refresh.go_on()
    return ActionResult({"InstanceRefreshes": [refresh.told() for refresh in found]})


def turn_round(response: AutoScalingResponse, status: str) -> ActionResult:
    """CancelInstanceRefresh and RollbackInstanceRefresh."""
    active = [refresh for refresh in refreshes_of(asked_group(response)) if refresh.status in ACTIVE]
    if not active:
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found"
        )
    active[0].status = status
    return ActionResult({"InstanceRefreshId": active[0].id})


@restores("A group's scaling policies and hooks go with it")
def forget_with_the_group() -> None:
    delete = AutoScalingBackend.delete_auto_scaling_group

    def delete_all(self: AutoScalingBackend, group_name: str) -> None:
        delete(self, group_name)
        for policy in self.describe_policies(group_name):
            self.delete_policy(policy.name)
        for hook in self.describe_lifecycle_hooks(group_name):
            self.delete_lifecycle_hook(group_name, hook.name)

    AutoScalingBackend.delete_auto_scaling_group = delete_all
