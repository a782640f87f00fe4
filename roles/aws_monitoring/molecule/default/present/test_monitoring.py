"""Tests that read the alarms, topic, log groups and dashboard through the AWS API."""

import json
from typing import Any

import boto3
import pytest

NAME = "rising-stars-molecule"
OURS = {"Project": "rising-stars", "Environment": "molecule", "ManagedBy": "ansible", "Role": "monitoring"}
BALANCER = {"LoadBalancer": f"app/{NAME}/0123456789abcdef"}
TARGETS = BALANCER | {"TargetGroup": f"targetgroup/{NAME}-web/0123456789abcdef"}
DATABASE = {"DBInstanceIdentifier": NAME}
OWN = "RisingStars/molecule"

# (namespace, metric, dimensions, statistic, comparison, threshold, shortest time in seconds until the alarm fires,
# treatment of missing data)
WATCHED: dict[str, tuple[str, str, dict[str, str], str, str, float, int, str]] = {
    "load-balancer-errors": (
        *("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", BALANCER),
        *("Sum", "GreaterThanThreshold", 10, 180, "notBreaching"),
    ),
    "application-errors": (
        *("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", TARGETS),
        *("Sum", "GreaterThanThreshold", 10, 180, "notBreaching"),
    ),
    "slow-answers": (
        *("AWS/ApplicationELB", "TargetResponseTime", TARGETS),
        *("p95", "GreaterThanThreshold", 5, 480, "notBreaching"),
    ),
    "unhealthy-hosts": (
        *("AWS/ApplicationELB", "UnHealthyHostCount", TARGETS),
        *("Maximum", "GreaterThanThreshold", 0, 300, "notBreaching"),
    ),
    "group-at-maximum": (
        *("AWS/AutoScaling", "GroupInServiceInstances", {"AutoScalingGroupName": f"{NAME}-web"}),
        *("Minimum", "GreaterThanOrEqualToThreshold", 3, 900, "ignore"),
    ),
    "database-cpu": ("AWS/RDS", "CPUUtilization", DATABASE, "Average", "GreaterThanThreshold", 80, 900, "ignore"),
    "database-storage": (
        *("AWS/RDS", "FreeStorageSpace", DATABASE),
        *("Minimum", "LessThanThreshold", 3 * 1024**3, 600, "ignore"),
    ),
    "database-memory": (
        *("AWS/RDS", "FreeableMemory", DATABASE),
        *("Average", "LessThanThreshold", 2 * 1024**3 * 5 // 100, 900, "ignore"),
    ),
    "database-connections": (
        *("AWS/RDS", "DatabaseConnections", DATABASE),
        *("Maximum", "GreaterThanThreshold", 153, 600, "ignore"),
    ),
    "database-credits": (
        *("AWS/RDS", "CPUSurplusCreditsCharged", DATABASE),
        *("Maximum", "GreaterThanThreshold", 0, 900, "ignore"),
    ),
    "queue-age": (OWN, "QueueAgeSeconds", {}, "Maximum", "GreaterThanThreshold", 900, 300, "ignore"),
    "failed-jobs": (OWN, "FailedJobs", {}, "Maximum", "GreaterThanOrEqualToThreshold", 3, 600, "ignore"),
    "worker-silent": (OWN, "WorkerHeartbeat", {}, "Maximum", "LessThanThreshold", 1, 300, "breaching"),
    "disk-web": (OWN, "DiskUsedPercent", {"Kind": "web"}, "Maximum", "GreaterThanThreshold", 85, 600, "ignore"),
    "limits-in-memory": (OWN, "LimitsInMemory", {"Kind": "web"}, "Maximum", "GreaterThanThreshold", 0, 300, "ignore"),
    "disk-worker": (OWN, "DiskUsedPercent", {"Kind": "worker"}, "Maximum", "GreaterThanThreshold", 85, 600, "ignore"),
}


@pytest.fixture(scope="module")
def cloudwatch() -> Any:
    return boto3.client("cloudwatch")


@pytest.fixture(scope="module")
def alarms(cloudwatch: Any) -> dict[str, Any]:
    """Return the alarms by their name without the prefix."""
    found = cloudwatch.describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"].removeprefix(f"{NAME}-site-"): alarm for alarm in found}


@pytest.fixture(scope="module")
def topic() -> Any:
    (only,) = boto3.client("sns").list_topics()["Topics"]
    return only["TopicArn"]


def dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}


def test_exactly_the_expected_alarms_exist(alarms: dict[str, Any]) -> None:
    assert sorted(alarms) == sorted(WATCHED)


@pytest.mark.parametrize("slug", WATCHED)
def test_an_alarm_watches_its_metric_and_ignores_a_single_datapoint(slug: str, alarms: dict[str, Any]) -> None:
    alarm = alarms[slug]
    seen = (
        alarm["Namespace"],
        alarm["MetricName"],
        dimensions(alarm),
        alarm.get("Statistic") or alarm["ExtendedStatistic"],
        alarm["ComparisonOperator"],
        alarm["Threshold"],
        alarm["Period"] * alarm["DatapointsToAlarm"],
        alarm["TreatMissingData"],
    )
    assert seen == WATCHED[slug]
    assert alarm["DatapointsToAlarm"] > 1


@pytest.mark.parametrize("slug", WATCHED)
def test_an_alarm_notifies_of_start_and_end_and_names_the_runbook(
    slug: str, alarms: dict[str, Any], topic: str
) -> None:
    alarm = alarms[slug]
    assert (alarm["AlarmActions"], alarm["OKActions"], alarm["ActionsEnabled"]) == ([topic], [topic], True)
    assert alarm["AlarmDescription"].endswith(f". docs/runbook.md#{slug}")


def test_every_alarm_has_the_sites_tags(cloudwatch: Any, alarms: dict[str, Any]) -> None:
    for alarm in alarms.values():
        listed = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in listed} == OURS | {"Name": alarm["AlarmName"]}


def test_only_the_given_subscribers_are_notified(topic: str) -> None:
    sns = boto3.client("sns")
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert sorted((each["Protocol"], each["Endpoint"]) for each in subscriptions) == [
        ("email", "operator@example.com"),
        ("https", "https://events.example.com/site"),
    ]
    listed = sns.list_tags_for_resource(ResourceArn=topic)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in listed} == OURS | {"Name": f"{NAME}-alarms"}


def test_each_kind_of_host_has_a_log_group_with_a_retention_of_thirty_days() -> None:
    logs = boto3.client("logs")
    groups = logs.describe_log_groups()["logGroups"]
    assert [(group["logGroupName"], group["retentionInDays"]) for group in groups] == [
        (f"/rising-stars/molecule/{kind}", 30) for kind in ("builder", "web", "worker")
    ]
    for group in groups:
        tags = logs.list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
        assert tags == OURS | {"Name": group["logGroupName"]}


def test_the_dashboard_shows_every_metric_that_an_alarm_watches(cloudwatch: Any, alarms: dict[str, Any]) -> None:
    body = json.loads(cloudwatch.get_dashboard(DashboardName=NAME)["DashboardBody"])
    shown = [metric for widget in body["widgets"] for metric in widget["properties"]["metrics"]]
    identities = [(metric[0], metric[1], dict(zip(metric[2:-1:2], metric[3:-1:2], strict=True))) for metric in shown]
    for alarm in alarms.values():
        assert (alarm["Namespace"], alarm["MetricName"], dimensions(alarm)) in identities
    places = [(widget["x"], widget["y"]) for widget in body["widgets"]]
    assert len(set(places)) == len(places)
    assert {widget["properties"]["region"] for widget in body["widgets"]} == {"us-east-1"}
