"""The permissions for calls to EC2, which requires a permission on each resource that a call creates or uses."""

import re
from collections.abc import Iterator, Mapping

from rehearsal.aws.permissions.by_name import ACCOUNT, REGION, Needed, tags_of
from rehearsal.aws.recording import Call

NEW = "new"
"""The ID in the ARN of a resource that a call creates, whose real ID is not yet known."""

KINDS = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "rtbassoc": "route-table",
    "sg": "security-group",
    "snap": "snapshot",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
"""Prefix of an ID → type of resource."""

CREATED = {
    "AllocateAddress": ["elastic-ip"],
    "CreateImage": ["image", "snapshot"],
    "CreateInternetGateway": ["internet-gateway"],
    "CreateLaunchTemplate": ["launch-template"],
    "CreateNatGateway": ["natgateway"],
    "CreateRouteTable": ["route-table"],
    "CreateSecurityGroup": ["security-group"],
    "CreateSubnet": ["subnet"],
    "CreateVpc": ["vpc"],
    "CreateVpcEndpoint": ["vpc-endpoint"],
    "RunInstances": ["instance", "network-interface", "volume"],
}
ABOUT_ONE = {"CreateRoute": "RouteTableId", "ReplaceRoute": "RouteTableId"}
ONLY_NAMED = re.compile(r"(Description|ClientToken|IpPermissions|Filter|TagSpecification|Tag|LaunchTemplateData)\b")
"""Parameters whose IDs need no permission, for example the security group that a rule refers to."""
WITHOUT_ACCOUNT = {"image", "snapshot"}


def needed(call: Call) -> Iterator[Needed]:
    """Yield the permissions that a call needs. Describe actions have no resource-level permissions."""
    if call.operation.startswith("Describe"):
        yield f"ec2:{call.operation}", "*", {}
        return
    permissions = [*_to_create(call), *_to_use(call)]
    assert permissions, f"No resource is known for the call {call}: extend rehearsal/aws/permissions/ec2.py"
    yield from permissions


def _to_create(call: Call) -> Iterator[Needed]:
    action = f"ec2:{call.operation}"
    for kind in CREATED.get(call.operation, []):
        tags = _tags_of_created(kind, call.parameters)
        yield action, _arn(kind, NEW), tags
        if tags:
            yield "ec2:CreateTags", _arn(kind, NEW), {**tags, "ec2:CreateAction": call.operation}


def _to_use(call: Call) -> Iterator[Needed]:
    for kind, identity in _used(call):
        yield f"ec2:{call.operation}", _arn(kind, identity), tags_of(call.parameters)
    profile = call.parameters.get("IamInstanceProfile.Arn")
    if profile:
        # A profile and its role have the same name and path.
        yield (
            "iam:PassRole",
            profile.replace(":instance-profile/", ":role/"),
            {"iam:PassedToService": "ec2.amazonaws.com"},
        )


def _used(call: Call) -> Iterator[tuple[str, str]]:
    for name, value in call.parameters.items():
        prefix, hyphen, _ = value.partition("-")
        if ABOUT_ONE.get(call.operation, name) != name or ONLY_NAMED.match(name):
            continue
        if hyphen and prefix in KINDS:
            yield KINDS[prefix], value
        elif name == "LaunchTemplateName" and call.operation != "CreateLaunchTemplate":
            yield "launch-template", value


def _arn(kind: str, identity: str) -> str:
    return f"arn:aws:ec2:{REGION}:{'' if kind in WITHOUT_ACCOUNT else ACCOUNT}:{kind}/{identity}"


def _tags_of_created(kind: str, parameters: Mapping[str, str]) -> dict[str, str]:
    for name, value in parameters.items():
        if value == kind and re.fullmatch(r"TagSpecification\.\d+\.ResourceType", name):
            start = name.removesuffix("ResourceType")
            return tags_of({name.removeprefix(start): value for name, value in parameters.items()})
    return {}
