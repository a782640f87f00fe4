"""Tests that read the network, its flow logs and its private DNS zone through the AWS API."""

from typing import Any

import boto3
import pytest

NAME = "rising-stars-molecule"


@pytest.fixture(scope="module")
def ec2() -> Any:
    return boto3.client("ec2")


@pytest.fixture(scope="module")
def vpc(ec2: Any) -> Any:
    (only,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [NAME]}])["Vpcs"]
    return only


@pytest.fixture(scope="module")
def subnets(ec2: Any, vpc: Any) -> list[Any]:
    found: list[Any] = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    return found


def tag(resource: Any, key: str) -> str:
    return next(str(tag["Value"]) for tag in resource["Tags"] if tag["Key"] == key)


def routes_of(ec2: Any, subnet: Any) -> dict[str, Any]:
    """Return the routes of the route table associated with the subnet, by destination CIDR block."""
    tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet["SubnetId"]]}])
    return {
        route["DestinationCidrBlock"]: route
        for table in tables["RouteTables"]
        for route in table["Routes"]
        if "DestinationCidrBlock" in route
    }


def test_each_tier_has_a_subnet_in_each_zone(subnets: list[Any]) -> None:
    places = sorted((tag(subnet, "Tier"), subnet["AvailabilityZone"]) for subnet in subnets)
    assert places == [(tier, f"us-east-1{zone}") for tier in ("data", "private", "public") for zone in "ab"]


def test_no_subnet_assigns_public_addresses_automatically(subnets: list[Any]) -> None:
    assert [subnet["MapPublicIpOnLaunch"] for subnet in subnets] == [False] * 6


def test_only_public_subnets_route_to_the_internet_and_only_private_ones_to_nat(ec2: Any, subnets: list[Any]) -> None:
    for subnet in subnets:
        way_out = routes_of(ec2, subnet).get("0.0.0.0/0")
        match tag(subnet, "Tier"):
            case "public":
                assert way_out is not None
                assert way_out["GatewayId"].startswith("igw-")
            case "private":
                assert way_out is not None
                assert way_out["NatGatewayId"].startswith("nat-")
            case "data":
                assert way_out is None


def test_the_only_nat_gateway_is_in_a_public_subnet(ec2: Any, vpc: Any, subnets: list[Any]) -> None:
    gateways = ec2.describe_nat_gateways(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["NatGateways"]
    assert len(gateways) == 1
    home = next(subnet for subnet in subnets if subnet["SubnetId"] == gateways[0]["SubnetId"])
    assert tag(home, "Tier") == "public"


def test_the_nat_gateways_address_has_our_tags(ec2: Any, vpc: Any) -> None:
    (gateway,) = ec2.describe_nat_gateways(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["NatGateways"]
    (address,) = ec2.describe_addresses()["Addresses"]
    assert address["AllocationId"] == gateway["NatGatewayAddresses"][0]["AllocationId"]
    assert {tag["Key"]: tag["Value"] for tag in address["Tags"]} == {
        "Project": "rising-stars",
        "Environment": "molecule",
        "ManagedBy": "ansible",
        "Role": "network",
        "Name": f"{NAME}-nat-us-east-1a",
    }


def test_every_route_table_reaches_s3_through_the_gateway_endpoint(ec2: Any, vpc: Any) -> None:
    endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["VpcEndpoints"]
    (s3,) = [endpoint for endpoint in endpoints if endpoint["ServiceName"].endswith(".s3")]
    named = ec2.describe_route_tables(Filters=[{"Name": "tag:Environment", "Values": ["molecule"]}])["RouteTables"]
    assert s3["VpcEndpointType"] == "Gateway"
    assert sorted(s3["RouteTableIds"]) == sorted(table["RouteTableId"] for table in named)


def test_interface_endpoints_accept_only_https_from_the_vpc(ec2: Any, vpc: Any) -> None:
    endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-endpoint-type", "Values": ["Interface"]}])
    assert sorted(e["ServiceName"].rpartition(".")[2] for e in endpoints["VpcEndpoints"]) == ["logs", "ssm"]
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{NAME}-endpoints"]}])[
        "SecurityGroups"
    ]
    (rule,) = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (443, 443)
    assert [block["CidrIp"] for block in rule["IpRanges"]] == [vpc["CidrBlock"]]
    assert group["IpPermissionsEgress"] == []


def test_all_traffic_is_logged_for_thirty_days(ec2: Any, vpc: Any) -> None:
    (flow_log,) = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [vpc["VpcId"]]}])["FlowLogs"]
    (group,) = boto3.client("logs").describe_log_groups(logGroupNamePrefix=f"/{NAME}/flow-logs")["logGroups"]
    assert (flow_log["TrafficType"], flow_log["LogGroupName"]) == ("ALL", group["logGroupName"])
    assert group["retentionInDays"] == 30


def test_only_this_vpc_is_associated_with_the_private_zone(vpc: Any) -> None:
    route53 = boto3.client("route53")
    (zone,) = route53.list_hosted_zones_by_name(DNSName="molecule.internal")["HostedZones"]
    assert zone["Config"]["PrivateZone"] is True
    assert [home["VPCId"] for home in route53.get_hosted_zone(Id=zone["Id"])["VPCs"]] == [vpc["VpcId"]]
