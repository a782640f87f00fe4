"""What a process can give away: only what it holds."""

import subprocess
from pathlib import Path

import pytest

from app.host.configuration import SECRETS, SECRETS_OF_THE_WEB, HostSettings, Machine, compose
from app.host.kinds import Kind
from tests.sites import PROGRAMS, Home

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
def test_a_machines_environment_holds_the_secrets_of_its_kind_alone(kind: Kind) -> None:
    made = compose(HOST, VALUES, Machine("/rising-stars/production", kind, Path("/etc/ca.pem")))
    written = "\n".join(made.values())
    assert {name for name, value in VALUES.items() if value in written} == READ[kind]


@pytest.mark.parametrize("kind", [Kind.WORKER, Kind.EXTRA_WORKER])
def test_a_worker_is_made_without_the_secrets_of_the_api(kind: Kind) -> None:
    given = {name: VALUES[name] for name in SECRETS}
    assert "JWT_SECRET" not in compose(HOST, given, Machine("/s/production", kind, Path("/etc/ca.pem")))


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
            # It works until it is stopped; without a required setting it would have ended with 2.
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
def test_units_that_need_no_secret_of_their_machine_start_without_it(unit: str, secrets: str) -> None:
    lines = (ROOT / "roles" / unit).read_text().splitlines()
    assert f"UnsetEnvironment={secrets}" in lines
