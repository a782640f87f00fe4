"""In a plan, aws_network itself compares the flow logs' stack with the settings.

It does not call the CloudFormation module, because that module creates a change set even in check mode.
"""

import json
from pathlib import Path

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import play
from rehearsal.operator.policy import boundary_arn

pytestmark = pytest.mark.slow
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Create or delete the flow logs
      ansible.builtin.include_role:
        name: aws_network
        tasks_from: flow_logs
        rolespec_validate: false
"""
BOUNDARY = boundary_arn("rehearsal")
PLANNED = "The stack site-flow-logs would be created or changed."


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "flow_logs.yml"
    path.write_text(PLAY)
    return path


def test_a_plan_reports_changes_to_flow_logs_and_writes_nothing(playbook: Path, aws: MockAws) -> None:
    network = {
        "aws_network_name": "site",
        "aws_network_tags": {"Environment": "test"},
        "aws_network_flow_logs": True,
        "aws_network_boundary_arn": BOUNDARY,
        "__aws_network_vpc": {"vpc": {"id": aws.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]}},
    }
    desired = ("-e", json.dumps(network))
    before = len(aws.calls())
    assert PLANNED in play(playbook, "--check", *desired, env=aws.env)
    planned = aws.calls()[before:]
    play(playbook, *desired, env=aws.env)
    role = aws.client("iam").get_role(RoleName="site-flow-logs")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    before = len(aws.calls())
    assert PLANNED not in play(playbook, "--check", *desired, env=aws.env)
    for changed in (
        "aws_network_flow_logs_retention_days=7",
        f"aws_network_boundary_arn={BOUNDARY}-2",
        '{"aws_network_tags": {"Environment": "other"}}',
    ):
        assert PLANNED in play(playbook, "--check", *desired, "-e", changed, env=aws.env)
    assert [call for call in planned + aws.calls()[before:] if call.writes] == []
