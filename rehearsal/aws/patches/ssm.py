"""Patches for Systems Manager."""

from typing import Any

from moto.ssm.responses import SimpleSystemManagerResponse

from rehearsal.aws.patches import restores
from rehearsal.aws.patches.iam import judge_by


@restores("A call about parameters is authorized against the ARN of each parameter")
def judge_by_parameter() -> None:
    judge_by(SimpleSystemManagerResponse, _resources)


def _resources(response: Any) -> list[str]:
    names = [response._get_param(key) for key in ("Name", "Path")] + (response._get_param("Names") or [])
    here = f"arn:aws:ssm:{response.region}:{response.current_account}:parameter"
    return [f"{here}/{name.removeprefix('/')}" for name in names if name] or ["*"]
