"""Tests that read the load balancer, its target group and its DNS record through the AWS API."""

import json
from typing import Any

import boto3
import pytest

NAME = "rising-stars-molecule"
DOMAIN = "stars.example.org."


@pytest.fixture(scope="module")
def elb() -> Any:
    return boto3.client("elbv2")


@pytest.fixture(scope="module")
def balancer(elb: Any) -> Any:
    (only,) = elb.describe_load_balancers(Names=[NAME])["LoadBalancers"]
    return only


@pytest.fixture(scope="module")
def target_group(elb: Any) -> Any:
    (only,) = elb.describe_target_groups(Names=[f"{NAME}-web"])["TargetGroups"]
    return only


@pytest.fixture(scope="module")
def listeners(elb: Any, balancer: Any) -> dict[int, Any]:
    found = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    return {listener["Port"]: listener for listener in found}


def test_it_is_internet_facing_in_two_zones(balancer: Any) -> None:
    assert balancer["Scheme"] == "internet-facing"
    assert sorted(zone["ZoneName"] for zone in balancer["AvailabilityZones"]) == ["us-east-1a", "us-east-1b"]


def test_it_drops_invalid_headers_allows_slow_uploads_writes_logs_and_is_protected(elb: Any, balancer: Any) -> None:
    response = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
    attributes = {attribute["Key"]: attribute["Value"] for attribute in response}
    wanted = {
        "access_logs.s3.bucket": "rising-stars-molecule-logs",
        "access_logs.s3.enabled": "true",
        "access_logs.s3.prefix": "alb",
        "deletion_protection.enabled": "true",
        "idle_timeout.timeout_seconds": "120",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http2.enabled": "true",
    }
    assert {key: attributes.get(key) for key in wanted} == wanted


def test_the_health_check_requests_ready_and_machines_drain_for_a_whole_upload(elb: Any, target_group: Any) -> None:
    response = elb.describe_target_group_attributes(TargetGroupArn=target_group["TargetGroupArn"])["Attributes"]
    attributes = {attribute["Key"]: attribute["Value"] for attribute in response}
    asked = ("Protocol", "Port", "HealthCheckPath", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds")
    assert [target_group[key] for key in asked] == ["HTTP", 80, "/ready", 10, 5]
    assert (target_group["HealthyThresholdCount"], target_group["UnhealthyThresholdCount"]) == (2, 3)
    assert target_group["Matcher"] == {"HttpCode": "200"}
    assert attributes["deregistration_delay.timeout_seconds"] == "1020"
    assert attributes["load_balancing.algorithm.type"] == "least_outstanding_requests"
    assert attributes["slow_start.duration_seconds"] == "0"


def test_https_is_forwarded_to_machines_with_a_modern_tls_policy(listeners: dict[int, Any], target_group: Any) -> None:
    https = listeners[443]
    (certificate,) = https["Certificates"]
    (action,) = https["DefaultActions"]
    assert (https["Protocol"], https["SslPolicy"]) == ("HTTPS", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09")
    assert certificate["CertificateArn"].startswith("arn:aws:acm:us-east-1:")
    assert (action["Type"], action["TargetGroupArn"]) == ("forward", target_group["TargetGroupArn"])


def test_plain_http_is_permanently_redirected_to_https(listeners: dict[int, Any]) -> None:
    (action,) = listeners[80]["DefaultActions"]
    assert sorted(listeners) == [80, 443]
    assert action["Type"] == "redirect"
    assert action["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }


def test_requests_for_metrics_get_404(elb: Any, listeners: dict[int, Any]) -> None:
    rules = elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"]
    (rule,) = [rule for rule in rules if not rule["IsDefault"]]
    (condition,) = rule["Conditions"]
    (action,) = rule["Actions"]
    assert condition["Field"] == "path-pattern"
    assert condition["PathPatternConfig"]["Values"] == ["/metrics", "/metrics/*"]
    answer = action["FixedResponseConfig"]
    assert (answer["StatusCode"], answer["ContentType"]) == ("404", "application/json")
    assert json.loads(answer["MessageBody"]) == {"detail": "Not Found"}


def test_the_sites_dns_name_is_an_alias_of_the_load_balancer(balancer: Any) -> None:
    route53 = boto3.client("route53")
    (zone,) = route53.list_hosted_zones_by_name(DNSName="example.org")["HostedZones"]
    records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    (alias,) = [record for record in records if record["Name"] == DOMAIN]
    assert alias["Type"] == "A"
    assert alias["AliasTarget"]["HostedZoneId"] == balancer["CanonicalHostedZoneId"]
    assert alias["AliasTarget"]["DNSName"].rstrip(".") == balancer["DNSName"].lower()


def test_every_resource_has_the_environments_tags(elb: Any, balancer: Any, target_group: Any) -> None:
    arns = [balancer["LoadBalancerArn"], target_group["TargetGroupArn"]]
    response = elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    assert {
        described["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in described["Tags"]} for described in response
    } == {
        arn: {
            "Project": "rising-stars",
            "Environment": "molecule",
            "ManagedBy": "ansible",
            "Role": "load_balancer",
            "Name": name,
        }
        for arn, name in zip(arns, (NAME, f"{NAME}-web"), strict=True)
    }
