"""Creates the infrastructure of provision_infrastructure.yml by direct API calls, in less than a second."""

import json
from typing import Any

from rehearsal.aws.server import MockAws
from rehearsal.operator.whole_site import ENVIRONMENT

NAME = f"rising-stars-{ENVIRONMENT}"
PATH = f"/rising-stars/{ENVIRONMENT}"
BUCKET = f"{NAME}-media-123456789012-us-east-1"
KINDS = ("web", "worker", "builder")

SMALL_DATABASE: dict[str, Any] = {
    "DBInstanceClass": "db.t4g.micro",
    "Engine": "postgres",
    "AllocatedStorage": 20,
    "MasterUsername": "rising_stars",
    "MasterUserPassword": "correct-horse-battery",
}
"""Parameters of CreateDBInstance, without the identifier."""


def provide(aws: MockAws) -> None:
    """Create the infrastructure and record its IDs in Parameter Store."""
    network = make_network(aws.client("ec2"))
    network["private_zone_id"] = make_zone(aws.client("route53"), network["vpc_id"])
    aws.client("s3").create_bucket(Bucket=BUCKET)
    infrastructure = {
        "preflight": {"account_id": "123456789012", "partition": "aws"},
        "network": network,
        "firewall": make_groups(aws.client("ec2"), network["vpc_id"]),
        "storage": {"media_bucket": BUCKET, "release_prefix": "releases/"},
        "identity": make_profiles(aws.client("iam")),
        "load_balancer": make_balancer(aws.client("elbv2"), network),
        "alarm_topic_arn": aws.client("sns").create_topic(Name=NAME)["TopicArn"],
    }
    aws.client("ssm").put_parameter(Name=f"{PATH}/infrastructure", Value=json.dumps(infrastructure), Type="String")


def make_network(ec2: Any) -> dict[str, Any]:
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    blocks = (("10.20.0.0/24", "a"), ("10.20.1.0/24", "b"), ("10.20.16.0/20", "a"), ("10.20.32.0/20", "b"))
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for block, zone in blocks
    ]
    return {"vpc_id": vpc, "public_subnet_ids": subnets[:2], "private_subnet_ids": subnets[2:]}


def make_zone(route53: Any, vpc: str) -> str:
    zone = route53.create_hosted_zone(
        Name=f"{ENVIRONMENT}.internal", VPC={"VPCRegion": "us-east-1", "VPCId": vpc}, CallerReference=NAME
    )
    return str(zone["HostedZone"]["Id"].rpartition("/")[2])


def make_groups(ec2: Any, vpc: str) -> dict[str, str]:
    return {
        f"{kind}_group_id": ec2.create_security_group(GroupName=f"{NAME}-{kind}", Description=kind, VpcId=vpc)[
            "GroupId"
        ]
        for kind in (*KINDS, "queue")
    }


def make_profiles(iam: Any) -> dict[str, str]:
    for kind in KINDS:
        iam.create_instance_profile(InstanceProfileName=f"{NAME}-{kind}", Path=f"{PATH}/")
    return {f"{kind}_profile": f"{NAME}-{kind}" for kind in KINDS}


def make_balancer(elb: Any, network: dict[str, Any]) -> dict[str, str]:
    balancer = elb.create_load_balancer(Name=NAME, Subnets=network["public_subnet_ids"])["LoadBalancers"][0]
    targets = elb.create_target_group(Name=f"{NAME}-web", Protocol="HTTP", Port=80, VpcId=network["vpc_id"])
    target_group = targets["TargetGroups"][0]["TargetGroupArn"]
    return {
        "arn_suffix": balancer["LoadBalancerArn"].partition("loadbalancer/")[2],
        "target_group_arn": target_group,
        "target_group_suffix": target_group.rpartition(":")[2],
    }
