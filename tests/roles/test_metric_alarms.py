"""The metric_alarms module manages a set of alarms with as few writes as possible and refuses invalid options."""

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import play, run_playbook

pytestmark = pytest.mark.slow
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - metric_alarms: "{{ wanted }}"
"""
METRIC: dict[str, Any] = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "period_seconds": 60}
RULE: dict[str, Any] = {"evaluation_periods": 3, "threshold": 80, "comparison_operator": "GreaterThanThreshold"}
BUSY: dict[str, Any] = {"name": "set-busy", "description": "It is busy.", "statistic": "Average", **METRIC, **RULE}
RATIO: dict[str, Any] = {
    "name": "set-ratio",
    "description": "Much fails.",
    **RULE,
    "metrics": [
        {"id": "ratio", "expression": "100 * bad / all"},
        *(
            {**METRIC, "id": name, "metric_name": name, "statistic": "Sum", "return_data": False}
            for name in ("bad", "all")
        ),
    ],
}


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "alarms.yml"
    path.write_text(PLAY)
    return path


def wanted(*alarms: dict[str, Any], **others: Any) -> tuple[str, str]:
    tags = {"Environment": "test"}
    return "-e", json.dumps({"wanted": {"prefix": "set-", "alarms": list(alarms), "tags": tags, **others}})


def writes(aws: MockAws, since: int) -> list[str]:
    return [call.operation for call in aws.calls()[since:] if call.writes]


def names(aws: MockAws) -> list[str]:
    return sorted(alarm["AlarmName"] for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"])


def test_a_set_with_metric_math_is_planned_without_a_write_and_written_once(playbook: Path, aws: MockAws) -> None:
    before = len(aws.calls())
    play(playbook, *wanted(BUSY, RATIO), "--check", env=aws.env)
    assert writes(aws, before) == []
    play(playbook, *wanted(BUSY, RATIO), env=aws.env)
    assert writes(aws, before) == ["PutMetricAlarm", "PutMetricAlarm"]
    before = len(aws.calls())
    assert "changed=0" in play(playbook, *wanted(RATIO, BUSY), env=aws.env)
    assert writes(aws, before) == []


def test_a_changed_alarm_is_restored_and_an_unlisted_one_is_deleted(playbook: Path, aws: MockAws) -> None:
    play(playbook, *wanted(BUSY, RATIO), env=aws.env)
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=["set-busy"])
    metric = {"Namespace": "x", "MetricName": "y", "Statistic": "Sum", "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="other-busy", EvaluationPeriods=1, Threshold=1, Period=60, **metric)
    before = len(aws.calls())
    play(playbook, *wanted(BUSY), env=aws.env)
    assert writes(aws, before) == ["PutMetricAlarm", "DeleteAlarms"]
    assert names(aws) == ["other-busy", "set-busy"]
    (busy,) = cloudwatch.describe_alarms(AlarmNames=["set-busy"])["MetricAlarms"]
    assert busy["ActionsEnabled"] is True


def test_a_missing_tag_is_restored_without_writing_the_alarm(playbook: Path, aws: MockAws) -> None:
    play(playbook, *wanted(BUSY), env=aws.env)
    cloudwatch = aws.client("cloudwatch")
    (arn,) = [alarm["AlarmArn"] for alarm in cloudwatch.describe_alarms(AlarmNames=["set-busy"])["MetricAlarms"]]
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["Environment"])
    before = len(aws.calls())
    play(playbook, *wanted(BUSY), env=aws.env)
    assert writes(aws, before) == ["TagResource"]


@pytest.mark.parametrize(
    ("alarm", "words"),
    [
        ({**BUSY, "treshold": 1}, "treshold"),
        ({**BUSY, "name": "other-busy"}, "must begin with the prefix"),
        ({**BUSY, "extended_statistic": "p95"}, "mutually exclusive"),
        ({**BUSY, "metrics": RATIO["metrics"]}, "mutually exclusive"),
        ({key: value for key, value in BUSY.items() if key != "statistic"}, "one of the following is required"),
    ],
)
def test_an_invalid_alarm_is_refused_before_any_call(
    playbook: Path, aws: MockAws, alarm: dict[str, Any], words: str
) -> None:
    before = len(aws.calls())
    done = run_playbook(playbook, *wanted(alarm), env=aws.env)
    assert done.returncode == 2
    assert words in " ".join(done.stdout.split())
    assert aws.calls()[before:] == []


def test_absent_deletes_the_whole_set_and_no_other_alarm(playbook: Path, aws: MockAws) -> None:
    play(playbook, *wanted(BUSY, RATIO), env=aws.env)
    play(playbook, *wanted(BUSY, state="absent"), env=aws.env)
    assert [name for name in names(aws) if name.startswith("set-")] == []
    before = len(aws.calls())
    assert "changed=0" in play(playbook, *wanted(state="absent"), env=aws.env)
    assert writes(aws, before) == []
