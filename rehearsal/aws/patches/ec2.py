"""Patches for EC2."""

from typing import Any

from moto.core.base_backend import BaseBackend
from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.subnets import SubnetBackend
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


@restores("A region may have no default VPC, as in mock AWS; a call that relies on one fails: VPCIdNotSpecified")
def start_without_a_default_vpc() -> None:
    parts: list[Any] = [base for base in EC2Backend.__mro__ if base not in {EC2Backend, BaseBackend, object}]

    def initialize(self: Any, region_name: str, account_id: str) -> None:
        BaseBackend.__init__(self, region_name, account_id)
        for part in parts:
            part.__init__(self)

    def default_vpc(self: Any) -> Any:
        vpc = self.get_default_vpc()
        if vpc is None:
            raise EC2ClientError("VPCIdNotSpecified", "No default VPC for this user")
        return vpc

    backend: Any = EC2Backend
    backend.__init__ = initialize
    backend.default_vpc = property(default_vpc)


@restores("Only the subnets of a default VPC are default subnets, which assign public addresses automatically")
def make_no_other_subnet_a_default() -> None:
    create = SubnetBackend.create_subnet

    def create_subnet(self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> Any:
        subnet = create(self, vpc_id, *args, **kwargs)
        subnet.default_for_az = subnet.map_public_ip_on_launch = self.get_vpc(vpc_id).is_default
        return subnet

    SubnetBackend.create_subnet = create_subnet
