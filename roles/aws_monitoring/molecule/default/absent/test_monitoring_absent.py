"""Deleting the monitoring leaves no resources behind."""

import boto3

from rehearsal.aws.leftovers import leftovers


def test_nothing_with_our_tags_is_left() -> None:
    assert leftovers("molecule") == []


def test_no_log_group_topic_alarm_or_dashboard_is_left() -> None:
    cloudwatch = boto3.client("cloudwatch")
    assert boto3.client("logs").describe_log_groups()["logGroups"] == []
    assert boto3.client("sns").list_topics()["Topics"] == []
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
