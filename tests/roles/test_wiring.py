"""The settings that playbooks/vars/site.yml passes from one role to another have the intended effect."""

import json
import re
from pathlib import Path

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
OTHERS = {
    "aws_load_balancer_result": {"arn_suffix": "app/site/1", "target_group_suffix": "targetgroup/site/1"},
    "aws_database_result": {"identifier": "site"},
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
    """A play that does not contain a role does not see the role's defaults, so the wiring has to repeat some."""
    text = (REPOSITORY / "playbooks/vars/site.yml").read_text()
    repeated = re.findall(r"\b(aws_\w+) \| default\(((?:'[^']*'|[^)'])*)\)", text)
    defaults: dict[str, object] = {}
    for file in REPOSITORY.glob("roles/aws_*/defaults/main.yml"):
        defaults |= yaml.safe_load(file.read_text())
    known = {name: yaml.safe_load(value) for name, value in repeated if name in defaults}
    assert {"aws_image_builder_instance_type", "aws_load_balancer_draining_seconds"} <= known.keys()
    assert known == {name: defaults[name] for name in known}


def test_the_estimate_of_a_first_run_is_that_of_the_docs() -> None:
    rows = re.findall(r"^\| (\d+)–(\d+) \|", (REPOSITORY / "docs/deploy.md").read_text(), re.MULTILINE)
    assert [begin for begin, _ in rows] == ["0", *(end for _, end in rows[:-1])]
    estimate = yaml.safe_load((REPOSITORY / "roles/aws_preflight/vars/main.yml").read_text())
    assert int(rows[-1][1]) == estimate["__aws_preflight_first_run_minutes"]
