"""Deleting the network leaves no resources behind."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_no_elastic_ip_address_and_no_network_interface_is_left() -> None:
    ec2 = boto3.client("ec2")
    assert ec2.describe_addresses()["Addresses"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_the_private_zone_and_the_flow_logs_are_deleted() -> None:
    assert boto3.client("route53").list_hosted_zones()["HostedZones"] == []
    assert boto3.client("logs").describe_log_groups()["logGroups"] == []
