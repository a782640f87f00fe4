"""docs/costs.md matches the sizes in the inventories."""

import re
from typing import Any

import pytest
import yaml

from rehearsal.operator.playbooks import REPOSITORY

TABLE = (REPOSITORY / "docs" / "costs.md").read_text().partition("\n## What use costs\n")[0]
ENVIRONMENTS = ("production", "staging")
ROW = re.compile(r"^\| (?P<part>[^|]+) \|.*\| (?P<production>\d+\.\d\d) \| (?P<staging>\d+\.\d\d) \|$", re.MULTILINE)
TOGETHER = re.compile(r"^\| \*\*Together\*\* .*\| \*\*(\d+\.\d\d)\*\* \| \*\*(\d+\.\d\d)\*\* \|$", re.MULTILINE)
HOURS = 730


def settings(environment: str, role: str) -> dict[str, Any]:
    """Return a role's variables: its defaults, overridden by the inventory."""
    found: dict[str, Any] = {}
    for path in (f"roles/{role}/defaults/main.yml", f"inventory/{environment}/group_vars/all/{role}.yml"):
        file = REPOSITORY / path
        found |= yaml.safe_load(file.read_text()) if file.exists() else {}
    return found


def row(part: str) -> str:
    (line,) = [line for line in TABLE.splitlines() if line.startswith(f"| {part} |")]
    return line


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_total_is_the_sum_of_the_parts(environment: str) -> None:
    parts = [float(found[environment]) for found in ROW.finditer(TABLE)]
    (together,) = TOGETHER.findall(TABLE)
    assert round(sum(parts), 2) == float(together[ENVIRONMENTS.index(environment)])


@pytest.mark.parametrize("part", ["Load balancer", "NAT gateway", "Web machine, the first", "Worker, with Redis"])
def test_monthly_costs_are_computed_from_the_hourly_price(part: str) -> None:
    price, production, staging = re.findall(r"\d+\.\d+", row(part))
    assert float(production) == float(staging) == round(float(price) * HOURS + 1e-9, 2)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_sizes_are_those_of_the_inventory(environment: str) -> None:
    database, web = settings(environment, "aws_database"), settings(environment, "aws_web_fleet")
    worker, network = settings(environment, "aws_worker"), settings(environment, "aws_network")
    zones = "two zones" if database["aws_database_multi_zone"] else "one"
    assert f"{database['aws_database_instance_class']} in {zones}" in row("Database")
    assert f"gp3, {database['aws_database_storage_gib']} GiB" in row("The database's storage")
    assert web["aws_web_fleet_instance_type"] in row("Web machine, the first")
    assert (web["aws_web_fleet_min"], web["aws_web_fleet_max"], worker["aws_worker_extra_max"]) == (1, 3, 0)
    assert worker["aws_worker_instance_type"] in row("Worker, with Redis")
    assert f"gp3, {web['aws_web_fleet_volume_gib']} GiB" in row("The first web machine's disk")
    assert f"gp3, {worker['aws_worker_volume_gib']} GiB" in row("The worker's disk")
    assert f"(`aws_network_nat: {network['aws_network_nat']}`)" in row("NAT gateway")
    assert row("Public IPv4 addresses").startswith(
        f"| Public IPv4 addresses | {len(network['aws_network_zones']) + 1}:"
    )
    assert f"| {len(settings(environment, 'aws_secrets')['aws_secrets_names'])} |" in row("Secrets")
