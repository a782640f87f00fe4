"""Before a first run creates a NAT gateway, which costs money, it checks by dry runs that EC2 would launch machines."""

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import play, run_playbook

pytestmark = pytest.mark.slow

PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [aws_network]
"""
SETTINGS: dict[str, Any] = {
    "aws_network_name": "launches",
    "aws_network_region": "us-east-1",
    "aws_network_zones": ["us-east-1a", "us-east-1b"],
    "aws_network_tags": {"Project": "rising-stars", "Environment": "launches"},
    "aws_network_launches": {
        "instance_types": ["t3.small", "c6i.large"],
        "image_id": "",
        "image_owner": "136693071363",
        "image_name": "debian-12-amd64-*",
    },
}


def test_rejected_launches_stop_a_run_before_the_nat_gateway_and_are_tried_until_it_exists(
    fresh_aws: MockAws, tmp_path: Path
) -> None:
    playbook = tmp_path / "network.yml"
    playbook.write_text(PLAY)
    variables = ("-e", json.dumps(SETTINGS))
    fresh_aws.set_plan("FREE")
    for _ in range(2):
        done = run_playbook(playbook, *variables, env=fresh_aws.env)
        said = " ".join(done.stdout.split())
        assert done.returncode == 2, said
        assert "EC2 would not launch a c6i.large: An error occurred (InvalidParameterCombination)" in said
        assert "would not launch a t3.small" not in said
    assert "CreateNatGateway" not in fresh_aws.operations()
    fresh_aws.set_plan("PAID")
    play(playbook, *variables, env=fresh_aws.env)
    tried = [call.parameters for call in fresh_aws.calls() if call.operation == "RunInstances"]
    assert {call["DryRun"] for call in tried} == {"true"}
    assert {call["ImageId"] for call in tried} == {"ami-0debian1200000002"}
    assert "CreateNatGateway" in fresh_aws.operations()
    play(playbook, *variables, env=fresh_aws.env)
    assert fresh_aws.operations().count("RunInstances") == len(tried)
