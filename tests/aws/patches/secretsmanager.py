"""Secrets Manager."""

from typing import Any

from moto.secretsmanager.exceptions import SecretNotFoundException
from moto.secretsmanager.responses import SecretsManagerResponse

from tests.aws.patches import restores
from tests.aws.patches.iam import judge_by


@restores("A call about a secret is judged by the secret's ARN")
def judge_by_secret() -> None:
    judge_by(SecretsManagerResponse, _resources)


def _resources(response: Any) -> list[str]:
    name = response._get_param("SecretId") or response._get_param("Name")
    if not name:
        return ["*"]
    try:
        return [response.backend.describe_secret(name).arn]
    except SecretNotFoundException:
        return [f"arn:aws:secretsmanager:{response.region}:{response.current_account}:secret:{name}"]
