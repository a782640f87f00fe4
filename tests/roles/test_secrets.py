"""A run that finds its secrets in AWS does not read their values."""

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY, play

pytestmark = pytest.mark.slow

CONVERGE = REPOSITORY / "roles/aws_secrets/molecule/default/converge.yml"


def test_a_second_run_reads_no_value_and_writes_nothing(aws: MockAws) -> None:
    play(CONVERGE, env=aws.env)
    before = len(aws.calls())
    play(CONVERGE, env=aws.env)
    asked = aws.calls()[before:]
    assert {call.operation for call in asked} == {"DescribeSecret"}


def test_a_plan_on_an_empty_account_writes_nothing(aws: MockAws) -> None:
    for secret in aws.client("secretsmanager").list_secrets()["SecretList"]:
        aws.client("secretsmanager").delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
    before = len(aws.calls())
    assert "+created rising-stars/molecule/jwt" in play(CONVERGE, "--check", "--diff", env=aws.env)
    assert not [call for call in aws.calls()[before:] if call.writes]
