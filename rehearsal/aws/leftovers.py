"""Find the resources that still have an environment's tags."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3


class Kind(NamedTuple):
    """A type of EC2 resource: the operation that lists it, the response's key for the list, and the key of the ID."""

    operation: str
    answer: str
    id: str


KINDS_OF_EC2 = (
    Kind("describe_addresses", "Addresses", "AllocationId"),
    Kind("describe_flow_logs", "FlowLogs", "FlowLogId"),
    Kind("describe_images", "Images", "ImageId"),
    Kind("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    Kind("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    Kind("describe_nat_gateways", "NatGateways", "NatGatewayId"),
    Kind("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    Kind("describe_route_tables", "RouteTables", "RouteTableId"),
    Kind("describe_security_groups", "SecurityGroups", "GroupId"),
    Kind("describe_snapshots", "Snapshots", "SnapshotId"),
    Kind("describe_subnets", "Subnets", "SubnetId"),
    Kind("describe_volumes", "Volumes", "VolumeId"),
    Kind("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    Kind("describe_vpcs", "Vpcs", "VpcId"),
)


def leftovers(environment: str) -> list[str]:
    """Return the sorted ARNs or IDs of all resources with the tag Environment=`environment`.

    EC2 resources are listed type by type, because the tagging API also returns deleted ones. The tagging API lists the
    resources of all other services. Terminated instances, deleted NAT gateways and endpoints whose deletion is in
    progress, which EC2 still lists, are omitted.
    """
    return sorted([*_in_ec2(environment), *_elsewhere(environment)])


def _in_ec2(environment: str) -> Iterator[str]:
    ec2: Any = boto3.client("ec2")
    for kind in KINDS_OF_EC2:
        for found in getattr(ec2, kind.operation)()[kind.answer]:
            if found.get("State") not in {"deleted", "deleting"} and _has_tag(found, environment):
                yield found[kind.id]
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated" and _has_tag(instance, environment):
                yield instance["InstanceId"]


def _has_tag(found: dict[str, Any], environment: str) -> bool:
    tags = found.get("Tags") or found.get("TagSet") or []
    return {"Key": "Environment", "Value": environment} in tags


def _elsewhere(environment: str) -> Iterator[str]:
    tagging = boto3.client("resourcegroupstaggingapi")
    pages = tagging.get_paginator("get_resources").paginate(
        TagFilters=[{"Key": "Environment", "Values": [environment]}]
    )
    for page in pages:
        for resource in page["ResourceTagMappingList"]:
            if not resource["ResourceARN"].startswith("arn:aws:ec2:"):
                yield resource["ResourceARN"]
