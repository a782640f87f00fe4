"""The environment variables of a machine's services, from the site's parameter and secrets."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field, IPvAnyNetwork, ValidationError

from app.config import ApiSettings, ConfigurationError, Settings, check_environment
from app.host.aws import METADATA_SECONDS, Aws
from app.host.errors import HostError
from app.host.kinds import Kind

DRAIN_FILE = Path("/run/rising-stars/draining")
REDIS_USER = "stars"
REDIS_PORT = 6379
SECRETS = ("database", "doorbell", "redis")
SECRETS_OF_THE_WEB = (*SECRETS, "jwt", "verification")
"""Only the API validates tokens and handles sign-ups, so only web machines may read the last two."""

STAGES_OF_JWT = ("NEXT", "LAST")
"""Staging labels that the role aws_secrets gives to the JWT secret in a rotation. The first one found is used."""

DERIVED = {
    "database_url",
    "queue_url",
    "s3_bucket",
    "jwt_secret",
    "jwt_secret_accepted",
    "doorbell_secret",
    "verification_secret",
    "metric_namespace",
    "drain_file",
    "drain_seconds",
    "body_seconds",
    "trusted_proxy",
    "work_dir",
}
"""Settings that follow from the site's resources or the release, and must not be set in the inventory."""


class HostSettings(BaseModel):
    """The parameter `hosts`: the settings that every machine of a site needs, apart from secrets."""

    environment: str
    region: str
    endpoint_url: str = ""
    database_host: str
    database_port: int
    database_name: str
    database_username: str
    queue_host: str
    media_bucket: str
    secret_prefix: str
    log_group_prefix: str
    metric_namespace: str
    balancer_ranges: list[IPvAnyNetwork] = Field(min_length=1)
    """The load balancer's address ranges. Nginx trusts its X-Forwarded-For header, and no other peer's."""
    hsts_includes_subdomains: bool = False
    """Whether browsers must use HTTPS for all subdomains of the site's domain, too."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further settings, by their names in `app.config.Settings`."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine knows about itself before it calls AWS."""

    parameters: str
    """The path of its site's parameters, for example "/rising-stars/production"."""
    kind: Kind
    ca_bundle: Path
    work_dir: Path | None = None


def read_environment(aws: Aws, machine: Machine) -> dict[str, str]:
    """Read this machine's parameter and secrets, and return the variables of its services.

    Raises:
        HostError: a parameter or secret is missing, denied or invalid; the text names it.
        Unreachable: AWS did not respond in time; the text names the parameter or secret.
    """
    host = _read_host_settings(aws, f"{machine.parameters.rstrip('/')}/hosts")
    names = SECRETS_OF_THE_WEB if machine.kind is Kind.WEB else SECRETS
    secrets = {name: _read_secret(aws, f"{host.secret_prefix}/{name}") for name in names}
    if machine.kind is Kind.WEB:
        secrets |= _read_second_jwt(aws, f"{host.secret_prefix}/jwt")
    return compose(host, secrets, machine)


def _read_host_settings(aws: Aws, name: str) -> HostSettings:
    def attempt(aws: Aws) -> str:
        return str(aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    text = aws.ask(f"parameter {name}", attempt)
    try:
        return HostSettings.model_validate(json.loads(text))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise HostError(f"The parameter {name} is invalid ({wrong}).") from None
    except ValueError as error:
        raise HostError(f"The parameter {name} is not valid JSON ({error}).") from None


def _read_secret(aws: Aws, name: str) -> str:
    def attempt(aws: Aws) -> str:
        found = aws.client("secretsmanager").get_secret_value(SecretId=name).get("SecretString")
        if found is None:
            raise HostError(f"The secret {name} contains no text.")
        return str(found)

    return aws.ask(f"secret {name}", attempt)


def _read_second_jwt(aws: Aws, name: str) -> dict[str, str]:
    """Return the second accepted JWT secret as `jwt_accepted`, or an empty dictionary if no rotation is under way."""
    for stage in STAGES_OF_JWT:
        found = _read_stage(aws, name, stage)
        if found is not None:
            return {"jwt_accepted": found}
    return {}


def _read_stage(aws: Aws, name: str, stage: str) -> str | None:
    def attempt(aws: Aws) -> str | None:
        manager = aws.client("secretsmanager")
        try:
            return str(manager.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"])
        except manager.exceptions.ResourceNotFoundException:
            return None

    return aws.ask(f"secret {name} ({stage})", attempt)


def compose(host: HostSettings, secrets: Mapping[str, str], machine: Machine) -> dict[str, str]:
    """Return the variables, validated as the services will validate them.

    Raises:
        HostError: a setting does not exist, must not be set in the inventory, or is invalid.
    """
    variables = {
        "DATABASE_URL": _database_url(host, secrets["database"], machine.ca_bundle),
        "QUEUE_URL": f"redis://{REDIS_USER}:{_quoted(secrets['redis'])}@{host.queue_host}:{REDIS_PORT}/0",
        "S3_BUCKET": host.media_bucket,
        "DOORBELL_SECRET": secrets["doorbell"],
        "METRIC_NAMESPACE": host.metric_namespace,
        "AWS_REGION": host.region,
        "AWS_DEFAULT_REGION": host.region,
        "AWS_METADATA_SERVICE_TIMEOUT": str(METADATA_SECONDS),
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3",
        "HOST_KIND": machine.kind.value,
        "SITE_NAME": machine.parameters.strip("/").replace("/", "-"),
        "SITE_ENVIRONMENT": host.environment,
        "LOG_GROUP_PREFIX": host.log_group_prefix,
    }
    if host.endpoint_url:
        variables["AWS_ENDPOINT_URL"] = host.endpoint_url
    if machine.kind is Kind.WEB:
        variables["DRAIN_FILE"] = str(DRAIN_FILE)
        variables["BALANCER_RANGES"] = " ".join(map(str, host.balancer_ranges))
        variables |= _variables_of_the_api(secrets)
        variables |= {"HSTS_INCLUDES_SUBDOMAINS": "true"} if host.hsts_includes_subdomains else {}
    variables |= {name.upper(): _as_text(name, value) for name, value in host.settings.items()}
    if machine.work_dir:
        variables["WORK_DIR"] = str(machine.work_dir)
    try:
        check_environment(variables, ApiSettings if machine.kind is Kind.WEB else Settings)
    except ConfigurationError as error:
        raise HostError(f"The settings of this site are wrong. {' '.join(str(error).splitlines())}") from None
    return variables


def _variables_of_the_api(secrets: Mapping[str, str]) -> dict[str, str]:
    accepted = {"JWT_SECRET_ACCEPTED": secrets["jwt_accepted"]} if "jwt_accepted" in secrets else {}
    return {"JWT_SECRET": secrets["jwt"], **accepted, "VERIFICATION_SECRET": secrets["verification"]}


def _database_url(host: HostSettings, password: str, ca_bundle: Path) -> str:
    who = f"{_quoted(host.database_username)}:{_quoted(password)}"
    where = f"{host.database_host}:{host.database_port}/{_quoted(host.database_name)}"
    return f"postgresql://{who}@{where}?sslmode=verify-full&sslrootcert={_quoted(str(ca_bundle))}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _as_text(name: str, value: object) -> str:
    """Return an inventory value as the text of an environment variable."""
    known = set(ApiSettings.model_fields)
    if name.lower() in DERIVED:
        raise HostError(f"{name} must not be set in the inventory: the playbooks derive it.")
    if name.lower() not in known:
        raise HostError(f"{name} is not a setting of this platform; app/config.py lists them all.")
    convert: dict[type, Callable[[Any], str]] = {bool: lambda on: str(on).lower(), int: str, float: str, str: str}
    if type(value) not in convert:
        raise HostError(f"{name} must be a text, a number or true or false, not {type(value).__name__}.")
    return convert[type(value)](value)
