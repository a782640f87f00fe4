"""Patches for Secrets Manager."""

from typing import Any

from moto.secretsmanager.exceptions import SecretNotFoundException
from moto.secretsmanager.models import SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse

from rehearsal.aws.patches import restores
from rehearsal.aws.patches.iam import judge_by


@restores("A call about a secret is authorized against the secret's ARN")
def judge_by_secret() -> None:
    judge_by(SecretsManagerResponse, _resources)


@restores("PutSecretValue removes AWSCURRENT from the version to which UpdateSecretVersionStage moved it")
def follow_the_current_version() -> None:
    update = SecretsManagerBackend.update_secret_version_stage

    def update_and_follow(self: SecretsManagerBackend, **arguments: Any) -> tuple[str, str]:
        updated = update(self, **arguments)
        if arguments["version_stage"] == "AWSCURRENT" and arguments["move_to_version_id"]:
            secret: Any = self.secrets[arguments["secret_id"]]
            secret.default_version_id = arguments["move_to_version_id"]
        return updated

    SecretsManagerBackend.update_secret_version_stage = update_and_follow


def _resources(response: Any) -> list[str]:
    name = response._get_param("SecretId") or response._get_param("Name")
    if not name:
        return ["*"]
    try:
        return [response.backend.describe_secret(name).arn]
    except SecretNotFoundException:
        return [f"arn:aws:secretsmanager:{response.region}:{response.current_account}:secret:{name}"]
