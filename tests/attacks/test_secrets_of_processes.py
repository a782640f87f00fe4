"""A compromised process can leak only the secrets that it has."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from app.config import ApiSettings, Settings
from app.host.configuration import SECRETS, SECRETS_OF_THE_WEB, HostSettings, Machine, compose
from app.host.kinds import Kind
from testing.homes import PROGRAMS, Home

pytestmark = pytest.mark.either_backend

ROOT = Path(__file__).parents[2]
VALUES = {name: f"{name}-" + "x" * 40 for name in (*SECRETS_OF_THE_WEB, "jwt_accepted")}
HOST = HostSettings.model_validate(
    {
        "environment": "production",
        "region": "eu-west-1",
        "database_host": "db.example.com",
        "database_port": 5432,
        "database_name": "stars",
        "database_username": "stars",
        "queue_host": "queue.production.internal",
        "media_bucket": "clips",
        "secret_prefix": "rising-stars/production",
        "log_group_prefix": "/rising-stars/production",
        "metric_namespace": "RisingStars/production",
        "balancer_ranges": ["10.20.0.0/24"],
    }
)
READ = {
    Kind.WEB: {"database", "doorbell", "redis", "jwt", "jwt_accepted", "verification"},
    Kind.WORKER: {"database", "doorbell", "redis"},
    Kind.EXTRA_WORKER: {"database", "doorbell", "redis"},
}
OF_THE_API = "JWT_SECRET JWT_SECRET_ACCEPTED VERIFICATION_SECRET"


@pytest.mark.parametrize("kind", READ)
def test_a_machines_environment_has_only_the_secrets_of_its_kind(kind: Kind) -> None:
    made = compose(HOST, VALUES, Machine("/rising-stars/production", kind, Path("/etc/ca.pem")))
    written = "\n".join(made.values())
    assert {name for name, value in VALUES.items() if value in written} == READ[kind]


@pytest.mark.parametrize("kind", [Kind.WORKER, Kind.EXTRA_WORKER])
def test_a_worker_is_configured_without_the_secrets_of_the_api(kind: Kind) -> None:
    given = {name: VALUES[name] for name in SECRETS}
    assert "JWT_SECRET" not in compose(HOST, given, Machine("/s/production", kind, Path("/etc/ca.pem")))


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return, for each secret in docs/security.md, its environment variables and the kinds of machine that have it."""
    section = (ROOT / "docs/security.md").read_text().partition("\n## Secrets\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    assert all(len(row) == 6 and all(row) for row in rows), "each secret has its readers, its rotation and its leak"
    return {row[0].strip("`"): (row[1], set(row[2].split(", "))) for row in rows}


def test_the_documented_machines_are_those_whose_environment_holds_the_secret() -> None:
    table = documented()
    assert set(table) == set(SECRETS_OF_THE_WEB)
    for kind, name in ((Kind.WEB, "web"), (Kind.WORKER, "worker")):
        assert {secret for secret, (_, kinds) in table.items() if name in kinds} == READ[kind] - {"jwt_accepted"}
    made = compose(HOST, VALUES, Machine("/s/production", Kind.WEB, Path("/etc/ca.pem")))
    for secret, (variables, _) in table.items():
        named = re.findall(r"`([A-Z_]+)`", variables)
        assert named
        assert all("-" + "x" * 40 in made[variable] for variable in named), secret


def test_the_documented_machines_are_those_whose_role_may_read_the_secret() -> None:
    granted = yaml.safe_load((ROOT / "roles/aws_identity/defaults/main.yml").read_text())
    every, web = (set(granted[f"aws_identity_{whose}secret_names"]) for whose in ("", "web_"))
    table = documented()
    assert every == {secret for secret, (_, kinds) in table.items() if "worker" in kinds} == set(SECRETS)
    assert every | web == {secret for secret, (_, kinds) in table.items() if "web" in kinds} == set(SECRETS_OF_THE_WEB)


def test_only_settings_of_the_api_hold_its_secrets() -> None:
    secrets = {name.lower() for name in OF_THE_API.split()}
    assert secrets <= set(ApiSettings.model_fields)
    assert secrets.isdisjoint(Settings.model_fields)


@pytest.mark.parametrize("arguments", [["rising-stars", "jobs", "list"], ["rising-stars", "doctor"]], ids=" ".join)
def test_an_operators_command_needs_no_secret_of_the_api(home: Home, arguments: list[str]) -> None:
    environment = {name: value for name, value in home.environment.items() if name not in OF_THE_API.split()}
    program, *words = arguments
    done = subprocess.run(
        [str(PROGRAMS / program), *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "JWT_SECRET" not in done.stderr
    assert done.returncode in {0, 1}


@pytest.mark.parametrize("program", ["rising-stars-worker", "rising-stars-upkeep"])
def test_worker_and_upkeep_start_without_the_secrets_of_the_api(home: Home, program: str) -> None:
    environment = {name: value for name, value in home.environment.items() if name not in OF_THE_API.split()}
    with subprocess.Popen(
        [str(PROGRAMS / program)], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            # The program runs until it is stopped; if a required setting were missing, it would exit with code 2.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=4)
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("unit", "secrets"),
    [
        ("host_api/templates/etc/systemd/system/rising-stars-migrate.service.j2", OF_THE_API),
        (
            "host_telemetry/templates/etc/systemd/system/rising-stars-watch.service.j2",
            f"DATABASE_URL QUEUE_URL DOORBELL_SECRET {OF_THE_API}",
        ),
    ],
)
def test_units_start_without_the_secrets_that_they_do_not_need(unit: str, secrets: str) -> None:
    lines = (ROOT / "roles" / unit).read_text().splitlines()
    assert f"UnsetEnvironment={secrets}" in lines
