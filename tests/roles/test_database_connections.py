"""The database of each inventory allows all connections that its processes may open during a rollout."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import Settings
from rehearsal.operator.playbooks import REPOSITORY, play, run_playbook
from tasks import render, upkeep

pytestmark = pytest.mark.slow

ENVIRONMENTS = ("production", "staging", "rehearsal")
PLAY = f"""
- hosts: localhost
  gather_facts: false
  vars_files: ["{REPOSITORY}/playbooks/vars/site.yml"]
  tasks:
    - include_role: {{name: aws_database, tasks_from: validate.yml, public: true}}
    - copy:
        content: "{{{{ capacity | to_json }}}}"
        dest: "{{{{ file }}}}"
        mode: "0600"
      vars:
        capacity:
          needed: "{{{{ aws_database_connections_needed | int }}}}"
          allowed: "{{{{ __aws_database_max_connections | int }}}}"
          spare: "{{{{ __aws_database_spare_connections | int }}}}"
          burstable: "{{{{ __aws_database_is_burstable }}}}"
"""
OPERATOR_AND_MIGRATIONS = 5
RESERVED_BY_AWS = 7
"""The sum of superuser_reserved_connections (3), rds.rds_superuser_reserved_connections (2) and RDS' sessions (2)."""

REPORTED = {"db.t3.small": 198, "db.t3.medium": 413, "db.t4g.large": 856, "db.t4g.micro": 80}
"""The max_connections that databases report; the first three from gist guizmaii/1cdeb54c6912667598374776bac3dc9d."""

NO_FLEET = {"aws_web_fleet_max": 0, "aws_worker_extra_max": 0}


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "capacity.yml"
    path.write_text(PLAY)
    return path


def arguments(playbook: Path, environment: str, **changes: Any) -> list[str]:
    variables = json.dumps({"file": str(playbook.with_suffix(".json")), **changes})
    return ["-i", str(REPOSITORY / "inventory" / environment), "-e", variables]


def capacity(playbook: Path, environment: str, **changes: Any) -> dict[str, Any]:
    """Return the numbers of connections that the playbooks compute: what the database allows and the site needs."""
    # The rehearsal's inventory needs an endpoint, but the play calls no AWS API.
    play(playbook, *arguments(playbook, environment, **changes), env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    found: dict[str, Any] = json.loads(playbook.with_suffix(".json").read_text())
    return found


def inventory(environment: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for role in ("site", "aws_web_fleet", "aws_worker"):
        found |= yaml.safe_load((REPOSITORY / f"inventory/{environment}/group_vars/all/{role}.yml").read_text())
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_full_fleet_fits_during_a_rollout_with_room_for_operators(environment: str, playbook: Path) -> None:
    sizes = inventory(environment)
    of_api = sizes["site_settings"].get(
        "api_database_connections", Settings.model_fields["api_database_connections"].default
    )
    web = sizes["aws_web_fleet_max"] * 2 * 2 * of_api
    workers = (1 + sizes["aws_worker_extra_max"]) * 2 * (render.DATABASE_CONNECTIONS + upkeep.DATABASE_CONNECTIONS)
    found = capacity(playbook, environment)
    assert found["needed"] == web + workers
    assert found["needed"] + RESERVED_BY_AWS + OPERATOR_AND_MIGRATIONS <= found["allowed"]
    assert found["spare"] == RESERVED_BY_AWS + OPERATOR_AND_MIGRATIONS


@pytest.mark.parametrize(("instance_class", "reported"), REPORTED.items())
def test_the_bound_is_a_little_below_what_databases_report(instance_class: str, reported: int, playbook: Path) -> None:
    found = capacity(playbook, "production", aws_database_instance_class=instance_class, **NO_FLEET)
    assert 0.9 * reported < found["allowed"] <= reported


def test_every_setting_that_opens_connections_counts(playbook: Path) -> None:
    one = capacity(playbook, "production", aws_worker_extra_max=1)["needed"]
    large = {"aws_database_instance_class": "db.m7g.large", "aws_worker_extra_max": 1}
    changed = {"site_settings": {"api_database_connections": 20, "workers": 2}, "site_machine_vcpus": 4}
    found = capacity(playbook, "production", **large, **changed)
    assert (one, found["needed"]) == (96 + 20, 3 * 2 * 4 * 20 + 2 * 2 * 8)
    assert found["burstable"] is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"site_settings": {"api_database_connections": 16}},
            "db.t4g.micro, which allows about 74 connections. The site may open 202, and 12 must remain",
        ),
        ({"aws_web_fleet_max": 4}, "The site may open 74"),
        (
            {"aws_database_instance_class": "db.x2g.large"},
            "aws_database_memory_gib: the role does not know the memory of db.x2g.large. Set it in GiB.",
        ),
    ],
)
def test_a_class_that_is_too_small_or_unknown_is_refused(playbook: Path, changes: dict[str, Any], words: str) -> None:
    done = run_playbook(playbook, *arguments(playbook, "staging", **changes), env={})
    assert done.returncode == 2
    assert words in " ".join(done.stdout.split())


def test_an_unknown_class_is_accepted_with_its_memory(playbook: Path) -> None:
    memory = {"aws_database_instance_class": "db.x2g.large", "aws_database_memory_gib": 32}
    assert capacity(playbook, "staging", **memory)["allowed"] == 3461
