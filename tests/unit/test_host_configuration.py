"""A site's parameter and secrets are converted into the environment of a machine's services."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from pydantic import ValidationError

from app.host.configuration import HostSettings, Machine, compose
from app.host.environment_file import render
from app.host.errors import HostError
from app.host.kinds import Kind

SECRETS = {name: f"{name}-" + "x" * 40 for name in ("database", "jwt", "doorbell", "redis", "verification")}
WEB = Machine("/rising-stars/production", Kind.WEB, Path("/etc/rising-stars/rds-ca.pem"))
WORKER = Machine("/rising-stars/production/", Kind.WORKER, Path("/etc/ca.pem"), Path("/var/lib/work"))


def host(**changed: object) -> HostSettings:
    """Return the content of the SSM parameter `hosts` as the playbooks write it, with these changes."""
    return HostSettings.model_validate(
        {
            "environment": "production",
            "region": "eu-west-1",
            "endpoint_url": "",
            "database_host": "db.example.com",
            "database_port": 5432,
            "database_name": "stars",
            "database_username": "stars",
            "queue_host": "queue.production.internal",
            "media_bucket": "clips",
            "secret_prefix": "rising-stars/production",
            "log_group_prefix": "/rising-stars/production",
            "metric_namespace": "RisingStars/production",
            "balancer_ranges": ["10.20.0.0/24", "10.20.1.0/24"],
            "settings": {},
            **changed,
        }
    )


def test_a_web_machine_gets_every_variable_that_its_services_need() -> None:
    made = compose(host(), SECRETS, WEB)
    assert made == {
        "DATABASE_URL": f"postgresql://stars:{SECRETS['database']}@db.example.com:5432/stars"
        "?sslmode=verify-full&sslrootcert=%2Fetc%2Frising-stars%2Frds-ca.pem",
        "QUEUE_URL": f"redis://stars:{SECRETS['redis']}@queue.production.internal:6379/0",
        "S3_BUCKET": "clips",
        "JWT_SECRET": SECRETS["jwt"],
        "DOORBELL_SECRET": SECRETS["doorbell"],
        "VERIFICATION_SECRET": SECRETS["verification"],
        "METRIC_NAMESPACE": "RisingStars/production",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_METADATA_SERVICE_TIMEOUT": "5",
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3",
        "HOST_KIND": "web",
        "SITE_NAME": "rising-stars-production",
        "SITE_ENVIRONMENT": "production",
        "LOG_GROUP_PREFIX": "/rising-stars/production",
        "DRAIN_FILE": "/run/rising-stars/draining",
        "BALANCER_RANGES": "10.20.0.0/24 10.20.1.0/24",
    }


@pytest.mark.parametrize("is_set", [True, False])
def test_a_web_machine_gets_the_setting_for_hsts_on_subdomains(is_set: bool) -> None:
    made = compose(host(hsts_includes_subdomains=is_set), SECRETS, WEB)
    assert made.get("HSTS_INCLUDES_SUBDOMAINS") == ("true" if is_set else None)


def test_a_worker_gets_no_secret_that_only_web_machines_need() -> None:
    without = {name: value for name, value in SECRETS.items() if name not in {"jwt", "verification"}}
    made = compose(host(endpoint_url="http://10.0.0.1:4566"), without, WORKER)
    assert {"JWT_SECRET", "VERIFICATION_SECRET", "DRAIN_FILE", "BALANCER_RANGES"}.isdisjoint(made)
    assert made["AWS_ENDPOINT_URL"] == "http://10.0.0.1:4566"
    assert made["WORK_DIR"] == "/var/lib/work"
    assert made["SITE_NAME"] == "rising-stars-production"


def test_a_password_may_contain_any_character() -> None:
    password = "p@ss:/word?#[]%20 \"'\\$ñ&sslmode=disable"
    made = compose(host(), {**SECRETS, "database": password, "redis": password}, WEB)
    for url in (urlsplit(made["DATABASE_URL"]), urlsplit(made["QUEUE_URL"])):
        assert unquote(url.password or "") == password
    assert parse_qs(urlsplit(made["DATABASE_URL"]).query)["sslmode"] == ["verify-full"]


def test_the_inventorys_settings_become_variables() -> None:
    settings = {"workers": 2, "review_required": True, "sweep_interval_seconds": 2.5, "RENDER_PROFILE": "lite"}
    made = compose(host(settings=settings), SECRETS, WORKER)
    names = ("WORKERS", "REVIEW_REQUIRED", "SWEEP_INTERVAL_SECONDS", "RENDER_PROFILE")
    assert [made[name] for name in names] == ["2", "true", "2.5", "lite"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"wrokers": 2}, "wrokers is not a setting of this platform"),
        ({"PATH": "/opt"}, "PATH is not a setting of this platform"),
        ({"workers": [2]}, "workers must be a text, a number or true or false, not list"),
        ({"workers": None}, "workers must be a text, a number or true or false, not NoneType"),
        ({"workers": 0}, "WORKERS: Input should be greater than or equal to 1"),
        ({"cors_origins": "https://show.example.org/"}, "'https://show.example.org/' is not an origin"),
        ({"cors_origins": "*"}, "'*' is not an origin"),
        ({"heartbeat_seconds": 50}, "at least twice HEARTBEAT_SECONDS"),
        ({"jwt_secret": "j" * 40}, "jwt_secret must not be set in the inventory"),
        ({"jwt_secret_accepted": "j" * 40}, "jwt_secret_accepted must not be set in the inventory"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL must not be set in the inventory"),
        ({"trusted_proxy": "*"}, "trusted_proxy must not be set in the inventory"),
        ({"work_dir": "/srv/work"}, "work_dir must not be set in the inventory"),
        ({"drain_seconds": 5}, "drain_seconds must not be set in the inventory"),
        ({"body_seconds": 60}, "body_seconds must not be set in the inventory"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(HostError) as caught:
        compose(host(settings=settings), SECRETS, WEB)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_origins_are_written_for_the_proxy() -> None:
    origins = "https://show.example.org, http://localhost:3000"
    made = compose(host(settings={"cors_origins": origins}), SECRETS, WEB)
    assert f'\nCORS_ORIGINS="{origins}"\n' in render(made)


def test_a_secret_that_is_too_short_is_named_and_not_shown() -> None:
    with pytest.raises(HostError) as caught:
        compose(host(), {**SECRETS, "jwt": "hunter2"}, WEB)
    assert "JWT_SECRET" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("ranges", [None, [], ["10.20.0.0/33"], ["the VPC"]])
def test_missing_or_invalid_address_ranges_of_the_balancer_are_refused(ranges: list[str] | None) -> None:
    with pytest.raises(ValidationError, match="balancer_ranges"):
        host(balancer_ranges=ranges)
