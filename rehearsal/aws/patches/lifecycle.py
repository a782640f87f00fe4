"""Patches for EC2 Auto Scaling's lifecycle hooks."""

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from rehearsal.aws.patches import restores


def active_instance(asked: AutoScalingResponse) -> str:
    """Return the instance ID in the request; raise AWS' error when no lifecycle action is active for the instance."""
    group_name, instance_id = asked._get_param("AutoScalingGroupName"), asked._get_param("InstanceId")
    hooks = asked.autoscaling_backend.describe_lifecycle_hooks(group_name, [asked._get_param("LifecycleHookName")])
    groups = asked.autoscaling_backend.describe_auto_scaling_groups([group_name])
    members = {state.instance.id for group in groups for state in group.instance_states}
    if not hooks or instance_id not in members:
        raise ValidationError(f"No active Lifecycle Action found with instance ID {instance_id}")
    return str(instance_id)


@restores("RecordLifecycleActionHeartbeat extends the timeout of a lifecycle action")
def accept_heartbeats() -> None:
    def record_lifecycle_action_heartbeat(self: AutoScalingResponse) -> ActionResult:
        active_instance(self)
        return EmptyResult()

    AutoScalingResponse.record_lifecycle_action_heartbeat = record_lifecycle_action_heartbeat  # type: ignore[attr-defined] # moto lacks it


@restores("CompleteLifecycleAction terminates the instance, and its group replaces it")
def terminate_completed_instances() -> None:
    def complete_lifecycle_action(self: AutoScalingResponse) -> ActionResult:
        self.autoscaling_backend.terminate_instance(active_instance(self), False)
        return EmptyResult()

    AutoScalingResponse.complete_lifecycle_action = complete_lifecycle_action  # type: ignore[attr-defined] # moto lacks it
