"""EC2."""

from moto.ec2 import utils

from tests.aws.patches import restores


@restores("DescribeTags calls a NAT gateway `natgateway`: filtered by that name, its tags are found")
def name_nat_gateways() -> None:
    utils.EC2_PREFIX_TO_RESOURCE[utils.EC2_RESOURCE_TO_PREFIX["nat-gateway"]] = "natgateway"
