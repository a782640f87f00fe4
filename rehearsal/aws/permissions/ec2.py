"""EC2, which asks for permission on each thing that a call makes or touches."""

import re
from collections.abc import Iterator, Mapping

from rehearsal.aws.permissions.by_name import ACCOUNT, REGION, Needed, tags_of
from rehearsal.aws.recording import Call

NEW = "new"
"""Stands for the id of what a call makes."""

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
"""Beginning of an id → kind of thing."""

MADE = {
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
UNTAGGED = {
    "ec2:CreateNatGateway": ("elastic-ip",),
    "ec2:CreateTags": ("elastic-ip", "network-interface"),
}
"""The modules tag these after they made them; every other thing at once."""

ABOUT_ONE = {"CreateRoute": "RouteTableId", "ReplaceRoute": "RouteTableId"}
MENTIONED = re.compile(r"(Description|ClientToken|IpPermissions|Filter|TagSpecification|Tag|LaunchTemplateData)\b")
"""Parameters whose ids are mentioned only: no permission is asked on a group that a rule names."""
WITHOUT_ACCOUNT = {"image", "snapshot"}


def needed(call: Call) -> Iterator[Needed]:
    """Reading is allowed on all there is, or not at all."""
    if call.operation.startswith("Describe"):
        yield f"ec2:{call.operation}", "*", {}
        return
    permissions = [*_to_make(call), *_to_touch(call)]
    assert permissions, f"nobody knows what this is about: {call}"
    yield from permissions


def _to_make(call: Call) -> Iterator[Needed]:
    action = f"ec2:{call.operation}"
    for kind in MADE.get(call.operation, []):
        tags = _tags_of_made(kind, call.parameters)
        yield action, _arn(kind, NEW), tags
        if tags:
            yield "ec2:CreateTags", _arn(kind, NEW), {**tags, "ec2:CreateAction": call.operation}


def _to_touch(call: Call) -> Iterator[Needed]:
    for kind, identity in _touched(call):
        yield f"ec2:{call.operation}", _arn(kind, identity), tags_of(call.parameters)
    profile = call.parameters.get("IamInstanceProfile.Arn")
    if profile:
        # A profile and its role bear one name and one path.
        yield (
            "iam:PassRole",
            profile.replace(":instance-profile/", ":role/"),
            {"iam:PassedToService": "ec2.amazonaws.com"},
        )


def _touched(call: Call) -> Iterator[tuple[str, str]]:
    for name, value in call.parameters.items():
        prefix, hyphen, _ = value.partition("-")
        if ABOUT_ONE.get(call.operation, name) != name or MENTIONED.match(name):
            continue
        if hyphen and prefix in KINDS:
            yield KINDS[prefix], value
        elif name == "LaunchTemplateName" and call.operation != "CreateLaunchTemplate":
            yield "launch-template", value


def _arn(kind: str, identity: str) -> str:
    return f"arn:aws:ec2:{REGION}:{'' if kind in WITHOUT_ACCOUNT else ACCOUNT}:{kind}/{identity}"


def _tags_of_made(kind: str, parameters: Mapping[str, str]) -> dict[str, str]:
    for name, value in parameters.items():
        if value == kind and re.fullmatch(r"TagSpecification\.\d+\.ResourceType", name):
            start = name.removesuffix("ResourceType")
            return tags_of({name.removeprefix(start): value for name, value in parameters.items()})
    return {}
