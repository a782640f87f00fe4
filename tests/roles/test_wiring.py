"""The settings that playbooks/vars/site.yml passes from one role to another have the intended effect."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY, play

PLAY = f"""
- hosts: localhost
  gather_facts: false
  vars_files: ["{REPOSITORY}/playbooks/vars/site.yml"]
  roles: [aws_monitoring]
"""
OTHERS: dict[str, Any] = {
    "aws_load_balancer_result": {"arn_suffix": "app/site/1", "target_group_suffix": "targetgroup/site/1"},
    "aws_database_result": {"identifier": "site", "memory_gib": 1, "max_connections": 74, "is_burstable": True},
    "aws_database_storage_gib": 20,
}


@pytest.mark.parametrize(("least", "most", "alarms"), [(1, 3, 1), (3, 3, 0)])
def test_only_a_web_group_that_can_grow_has_an_alarm_at_its_maximum(
    least: int, most: int, alarms: int, aws: MockAws, tmp_path: Path
) -> None:
    playbook = tmp_path / "alarms.yml"
    playbook.write_text(PLAY)
    sizes = json.dumps({"aws_web_fleet_min": least, "aws_web_fleet_max": most, **OTHERS})
    play(playbook, "-i", str(REPOSITORY / "inventory/rehearsal"), "-e", sizes, env=aws.env)
    named = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="rising-stars-rehearsal-site-")["MetricAlarms"]
    assert len([alarm for alarm in named if alarm["AlarmName"].endswith("group-at-maximum")]) == alarms
    assert len(named) > alarms


def test_the_load_balancer_and_the_group_wait_for_the_longest_upload(tmp_path: Path) -> None:
    tasks = [{"ansible.builtin.debug": {"msg": "{{ aws_load_balancer_draining_seconds }} and {{ hook }} seconds"}}]
    wired = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [f"{REPOSITORY}/playbooks/vars/{file}.yml" for file in ("site", "web_fleet")],
        "vars": {"hook": "{{ aws_machine_group_drain_timeout_seconds }}"},
        "tasks": tasks,
    }
    playbook = tmp_path / "waits.yml"
    playbook.write_text(yaml.safe_dump([wired]))
    uploads = json.dumps({"site_uploads": {"longest_upload_seconds": 2000, "clip_check_seconds": 60}})
    assert "2060 and 2240 seconds" in play(playbook, "-i", str(REPOSITORY / "inventory/rehearsal"), "-e", uploads)


@pytest.mark.parametrize(
    ("suffixes", "missing"),
    [
        (OTHERS["aws_load_balancer_result"], "the topic."),
        (
            {"arn_suffix": "pending", "target_group_suffix": "pending"},
            "the topic, the load balancer, the target group.",
        ),
    ],
)
def test_a_plan_names_only_the_resources_that_alarms_wait_for(
    suffixes: dict[str, str], missing: str, fresh_aws: MockAws, tmp_path: Path
) -> None:
    playbook = tmp_path / "alarms.yml"
    playbook.write_text(PLAY)
    given = json.dumps({**OTHERS, "aws_web_fleet_min": 1, "aws_web_fleet_max": 3, "aws_load_balancer_result": suffixes})
    inventory = str(REPOSITORY / "inventory/rehearsal")
    plan = play(playbook, "--check", "-i", inventory, "-e", given, env=fresh_aws.env)
    assert f"refer to resources that do not exist yet: {missing}" in " ".join(plan.split())


def test_a_deletion_checks_neither_settings_nor_quotas_nor_the_boundary(tmp_path: Path) -> None:
    plays = yaml.safe_load((REPOSITORY / "playbooks/destroy_infrastructure.yml").read_text())
    (judged,) = [each for each in plays if {"role": "aws_preflight"} in each.get("roles", [])]
    judged["vars_files"] = [str(REPOSITORY / "playbooks" / file) for file in judged["vars_files"]]
    del judged["roles"], judged["environment"]
    unset = ("roles", "machines", "database", "needs", "boundary")
    judged["tasks"] = [{"ansible.builtin.assert": {"that": [f"not aws_preflight_{name}" for name in unset]}}]
    playbook = tmp_path / "deletion.yml"
    playbook.write_text(yaml.safe_dump([judged]))
    play(playbook)


def test_a_default_in_the_wiring_is_that_of_the_role() -> None:
    """A role's defaults exist only in plays that contain the role, so playbooks/vars/site.yml repeats some of them."""
    text = (REPOSITORY / "playbooks/vars/site.yml").read_text()
    repeated = re.findall(r"\b(aws_\w+) \| default\(((?:'[^']*'|[^)'])*)\)", text)
    defaults: dict[str, object] = {}
    for file in REPOSITORY.glob("roles/aws_*/defaults/main.yml"):
        defaults |= yaml.safe_load(file.read_text())
    known = {name: yaml.safe_load(value) for name, value in repeated if name in defaults}
    assert {"aws_image_builder_instance_type", "aws_network_nat"} <= known.keys()
    assert known == {name: defaults[name] for name in known}


def test_the_estimate_of_a_first_run_is_that_of_the_docs() -> None:
    rows = re.findall(r"^\| (\d+)–(\d+) \|", (REPOSITORY / "docs/deploy.md").read_text(), re.MULTILINE)
    assert [begin for begin, _ in rows] == ["0", *(end for _, end in rows[:-1])]
    estimate = yaml.safe_load((REPOSITORY / "roles/aws_preflight/vars/main.yml").read_text())
    assert int(rows[-1][1]) == estimate["__aws_preflight_first_run_minutes"]
