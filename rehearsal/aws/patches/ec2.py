"""Patches for EC2."""

from typing import Any

from moto.ec2 import utils
from moto.ec2.models.vpcs import VPCBackend

from rehearsal.aws.patches import restores


@restores("DescribeTags uses the resource type `natgateway`, so that a filter on that type finds a NAT gateway's tags")
def name_nat_gateways() -> None:
    utils.EC2_PREFIX_TO_RESOURCE[utils.EC2_RESOURCE_TO_PREFIX["nat-gateway"]] = "natgateway"


@restores("DescribeVpcEndpoints omits deleted endpoints")
def omit_deleted_endpoints() -> None:
    describe = VPCBackend.describe_vpc_endpoints

    def describe_existing(self: Any, vpc_end_point_ids: Any, filters: Any = None) -> Any:
        return [each for each in describe(self, vpc_end_point_ids, filters) if each.state != "deleted"]

    VPCBackend.describe_vpc_endpoints = describe_existing
