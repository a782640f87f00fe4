"""AWS is eventually consistent: the first calls about a new resource may not find it.

A resource that the operator creates is hidden from the operator's next one to three lookups of it, but not for longer
than `MOST_SECONDS`, because on AWS, a lookup some minutes later finds the resource.
"""

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws.strict.hooks import Refusal, after, before, draw, is_operators

MOST_SECONDS = 10.0
FOREVER = float("inf")


@dataclass
class Newcomers:
    """The resources of one kind that are still hidden."""

    what: str
    most_seconds: float = MOST_SECONDS
    _left: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, name: str) -> None:
        self._left[name] = (draw(), time.monotonic() + self.most_seconds)

    def misses(self, name: str) -> bool:
        """Count a lookup, and return whether the resource is hidden from it."""
        lookups, until = self._left.pop(name, (0, 0.0))
        if not lookups or time.monotonic() > until:
            return False
        if lookups > 1:
            self._left[name] = (lookups - 1, until)
        return True

    def created_by(self, service: str, operation: str, names: Callable[[Any, Any], Iterable[str]]) -> None:
        """Hide the resources that an operation creates; `names` reads them from the request and the result."""

        @after(service, operation)
        def add(request: Any, result: Any) -> None:
            if is_operators(request):
                for name in names(request, result):
                    self.add(name)

    def refused_by(
        self, service: str, operation: str, asked: Callable[[Any], Iterable[str]], code: str, message: str
    ) -> None:
        """Fail the operation with AWS' error if it names a hidden resource."""

        @before(service, operation)
        def refuse(request: Any) -> None:
            if is_operators(request):
                for name in asked(request):
                    if self.misses(name):
                        raise Refusal(code, message.format(name))

    def omitted_by(self, service: str, operation: str, key: str, name: Callable[[Any], str]) -> None:
        """Omit hidden resources from the list `key` in the operation's result."""

        @after(service, operation)
        def omit(request: Any, result: Any) -> None:
            if is_operators(request):
                result[key] = [each for each in result[key] if not self.misses(name(each))]


def named(parameter: str) -> Callable[[Any], list[str]]:
    """Return a function that reads a parameter of a request: a name or a list of names."""

    def read(request: Any) -> list[str]:
        value = request._get_param(parameter) or []
        return [value] if isinstance(value, str) else list(value)

    return read


def created_name(parameter: str) -> Callable[[Any, Any], list[str]]:
    """Return a function that reads a created resource's name from the request."""
    read = named(parameter)
    return lambda request, _result: read(request)


INSTANCES = Newcomers("instances")
INSTANCES.created_by("ec2", "RunInstances", lambda _, result: [each.id for each in result.instances])
INSTANCES.refused_by(
    "ec2",
    "DescribeInstances",
    named("InstanceIds"),
    "InvalidInstanceID.NotFound",
    "The instance ID '{}' does not exist",
)


@after("ec2", "DescribeInstances")
def omit_new_instances(request: Any, result: Any) -> None:
    """Omit hidden instances from their reservations."""
    if not is_operators(request):
        return
    found = []
    for reservation in result["Reservations"]:
        rest = copy.copy(reservation)
        rest.instances = [each for each in reservation.instances if not INSTANCES.misses(each.id)]
        found += [rest] if rest.instances else []
    result["Reservations"] = found


GROUPS = Newcomers("security groups")
GROUPS.created_by("ec2", "CreateSecurityGroup", lambda _, result: [id_of_group(result)])
GROUPS.refused_by(
    "ec2",
    "DescribeSecurityGroups",
    named("GroupIds"),
    "InvalidGroup.NotFound",
    "The security group '{}' does not exist",
)
GROUPS.omitted_by("ec2", "DescribeSecurityGroups", "SecurityGroups", lambda group: str(group.id))


def id_of_group(result: Any) -> str:
    return str(result["GroupId"] if isinstance(result, dict) else result.id)


ROLES = Newcomers("roles")
ROLES.created_by("iam", "CreateRole", created_name("RoleName"))
for _operation in ("GetRole", "PutRolePolicy", "AttachRolePolicy", "AddRoleToInstanceProfile"):
    ROLES.refused_by("iam", _operation, named("RoleName"), "NoSuchEntity", "The role with name {} cannot be found.")

PROFILES = Newcomers("instance profiles")
PROFILES.created_by("iam", "CreateInstanceProfile", created_name("InstanceProfileName"))
for _operation in ("GetInstanceProfile", "AddRoleToInstanceProfile"):
    PROFILES.refused_by(
        "iam", _operation, named("InstanceProfileName"), "NoSuchEntity", "Instance Profile {} cannot be found."
    )

PROFILES_IN_EC2 = Newcomers("instance profiles in EC2", most_seconds=FOREVER)
"""Profiles that EC2 does not find yet. No time limit applies, because a builder may start more than 10 s later."""
PROFILES_IN_EC2.created_by("iam", "CreateInstanceProfile", created_name("InstanceProfileName"))


def profile_of(specification: Any) -> list[str]:
    """Return the name of the profile in a request or in a launch template."""
    given = specification or {}
    return [given["Name"] if "Name" in given else given["Arn"].rpartition("/")[2]] if given else []


def profile_of_group(request: Any) -> list[str]:
    """Return the name of the profile in the launch template of a new group."""
    asked = request._get_param("LaunchTemplate") or {}
    if "LaunchTemplateId" not in asked:
        return []
    template = request.autoscaling_backend.ec2_backend.get_launch_template(asked["LaunchTemplateId"])
    version = template.get_version(asked.get("Version", "$Default"))
    return profile_of(version.data.get("IamInstanceProfile"))


PROFILES_IN_EC2.refused_by(
    "ec2",
    "RunInstances",
    lambda request: profile_of(request._get_param("IamInstanceProfile")),
    "InvalidParameterValue",
    "Value ({}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
)
PROFILES_IN_EC2.refused_by(
    "autoscaling",
    "CreateAutoScalingGroup",
    profile_of_group,
    "ValidationError",
    "You must use a valid fully-formed launch template. Value ({}) for parameter iamInstanceProfile.name is invalid. "
    "Invalid IAM Instance Profile name",
)

TARGET_GROUPS = Newcomers("target groups")
TARGET_GROUPS.created_by("elasticloadbalancing", "CreateTargetGroup", created_name("Name"))
TARGET_GROUPS.refused_by(
    "elasticloadbalancing",
    "DescribeTargetGroups",
    lambda request: [*named("Names")(request), *(arn.split("/")[1] for arn in named("TargetGroupArns")(request))],
    "TargetGroupNotFound",
    "One or more target groups not found",
)
TARGET_GROUPS.omitted_by("elasticloadbalancing", "DescribeTargetGroups", "TargetGroups", lambda group: str(group.name))


def new_parameters(request: Any, result: Any) -> list[str]:
    """Return the parameter's name if the call created the parameter. A changed parameter is not hidden."""
    return [request._get_param("Name")] if result["Version"] == 1 else []


PARAMETERS = Newcomers("parameters")
PARAMETERS.created_by("ssm", "PutParameter", new_parameters)
PARAMETERS.refused_by("ssm", "GetParameter", named("Name"), "ParameterNotFound", "Parameter {} not found.")
for _operation in ("GetParametersByPath", "DescribeParameters"):
    PARAMETERS.omitted_by("ssm", _operation, "Parameters", lambda parameter: str(parameter["Name"]))


@after("ssm", "GetParameters")
def report_new_parameters_as_invalid(request: Any, result: Any) -> None:
    """Move hidden parameters to the list of invalid names."""
    if is_operators(request):
        missed = [each["Name"] for each in result["Parameters"] if PARAMETERS.misses(each["Name"])]
        result["Parameters"] = [each for each in result["Parameters"] if each["Name"] not in missed]
        result["InvalidParameters"] += missed
