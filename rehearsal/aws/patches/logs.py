"""Patches for CloudWatch Logs."""

from typing import Any

from moto.logs.responses import LogsResponse

from rehearsal.aws.patches import restores
from rehearsal.aws.patches.iam import judge_by


@restores("A call about a log group or log stream is authorized against an ARN that contains its name")
def judge_by_group() -> None:
    judge_by(LogsResponse, _resources)


def _resources(response: Any) -> list[str]:
    group, stream = response._get_param("logGroupName"), response._get_param("logStreamName")
    if not group:
        return ["*"]
    return [f"arn:aws:logs:{response.region}:{response.current_account}:log-group:{group}:log-stream:{stream or ''}"]
