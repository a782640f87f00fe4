"""Load balancers, target groups, Auto Scaling groups and secrets take time to be created or deleted."""

from typing import Any

from moto.elbv2.models import FakeLoadBalancer

from rehearsal.aws.strict.hooks import Refusal, after, before, draw
from rehearsal.aws.strict.transitions import advanced_by, pass_through

GONE = "gone"
DELETING = "Delete in progress"

advanced_by("load balancer", "elasticloadbalancing", "DescribeLoadBalancers")
advanced_by("group", "autoscaling", "DescribeAutoScalingGroups")

# Without this, moto's load balancers would become active when they are described.
FakeLoadBalancer.activate = lambda _self: None

_TARGETS_IN_USE: dict[str, int] = {}
"""ARN of a target group whose listener was deleted → how many more deletions AWS refuses."""
_SECRETS_BEING_DELETED: dict[str, int] = {}
"""Name of a secret that was deleted without recovery → how many more creations AWS refuses."""


@after("elasticloadbalancing", "CreateLoadBalancer")
def provision(_request: Any, result: Any) -> None:
    (balancer,) = result["LoadBalancers"]
    pass_through("load balancer", lambda state: setattr(balancer, "state", state), ["provisioning", "active"])


@before("elasticloadbalancing", "DeleteLoadBalancer")
def keep_targets_in_use(request: Any) -> None:
    for group in request.elbv2_backend.target_groups.values():
        if request._get_param("LoadBalancerArn") in group.load_balancer_arns:
            _TARGETS_IN_USE[group.arn] = draw()


@before("elasticloadbalancing", "DeleteTargetGroup")
def refuse_targets_in_use(request: Any) -> None:
    arn = request._get_param("TargetGroupArn")
    if count_down(_TARGETS_IN_USE, arn):
        raise Refusal("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")


@before("autoscaling", "DeleteAutoScalingGroup")
def note_group(request: Any) -> None:
    """Remember the group for `list_leaving_group`, because moto deletes it at once."""
    name = request._get_param("AutoScalingGroupName")
    request.leaving = request.autoscaling_backend.autoscaling_groups.get(name)


@after("autoscaling", "DeleteAutoScalingGroup")
def list_leaving_group(request: Any, _result: Any) -> None:
    group, groups = request.leaving, request.autoscaling_backend.autoscaling_groups

    def set_state(state: str) -> None:
        if state == GONE:
            groups.pop(group.name, None)
        else:
            groups[group.name], group.status = group, state

    pass_through("group", set_state, [DELETING, GONE])


@before("autoscaling", "CreateAutoScalingGroup")
def refuse_names_of_leaving_groups(request: Any) -> None:
    name = request._get_param("AutoScalingGroupName")
    if name in request.autoscaling_backend.autoscaling_groups:
        raise Refusal("AlreadyExists", f"AutoScalingGroup by this name already exists: {name} is pending deletion")


@before("secretsmanager", "DeleteSecret")
def keep_name_in_use(request: Any) -> None:
    name = request._get_param("SecretId")
    if request._get_param("ForceDeleteWithoutRecovery") and name in request.backend.secrets:
        _SECRETS_BEING_DELETED[request.backend.secrets[name].name] = draw()


@before("secretsmanager", "CreateSecret")
def refuse_names_in_use(request: Any) -> None:
    name = request._get_param("Name")
    deleted = name in request.backend.secrets and request.backend.secrets[name].is_deleted()
    if deleted or count_down(_SECRETS_BEING_DELETED, name):
        raise Refusal(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        )


def count_down(left: dict[str, int], name: str) -> bool:
    """Count one call for the resource `name`, and return whether AWS refuses it. `left` has the remaining refusals."""
    if left.get(name, 0) == 0:
        return False
    left[name] -= 1
    return True
