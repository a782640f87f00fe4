"""Runs that AWS throttles, on a mock AWS in strict mode.

THROTTLE_SEEDS of `make test-interrupted` selects when throttling begins, and mock AWS' delays.
"""

import os
import random
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY, play
from rehearsal.operator.whole_site import STEPS, Operator, machines
from tests.roles.strictness import strict_account

pytestmark = pytest.mark.timeout(1800)
SEEDS = [int(seed) for seed in os.environ.get("THROTTLE_SEEDS", "1").split()]
BRIEFLY = 5
"""A number of throttled calls that every module survives, even one that does not retry throttling errors itself."""
PLAY = f"""
- hosts: localhost
  gather_facts: false
  vars_files: ["{REPOSITORY}/playbooks/vars/site.yml"]
  environment: "{{{{ site_aws_environment }}}}"
  roles: [aws_secrets]
"""
WORDS = {"ec2": "RequestLimitExceeded", "s3": "SlowDown"}
"""Service → the code of its throttling error, if the code does not begin with `Throttling`."""


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "RequestLimitExceeded"),
        ("s3", "list_buckets", "SlowDown"),
        ("iam", "list_roles", "Throttling"),
        ("route53", "list_hosted_zones", "Throttling"),
        ("cloudwatch", "describe_alarms", "Throttling"),
        ("ssm", "describe_parameters", "ThrottlingException"),
    ],
)
def test_each_service_refuses_with_its_own_error_code(
    service: str, operation: str, code: str, aws: MockAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    call = getattr(aws.client(service), operation)
    aws.throttle(after=1, refusals=1)
    call()
    with pytest.raises(ClientError) as refused:
        call()
    call()
    assert refused.value.response["Error"]["Code"] == code


def test_short_throttling_is_survived_where_a_module_does_not_retry(aws: MockAws, tmp_path: Path) -> None:
    playbook = tmp_path / "secrets.yml"
    playbook.write_text(PLAY)
    # The first call is the inventory's and goes to EC2. All later calls are the role's and go to Secrets Manager. Mock
    # AWS throttles from the third call on, so it throttles only the role.
    aws.throttle(after=2, refusals=BRIEFLY)
    play(playbook, "-i", str(REPOSITORY / "inventory/rehearsal"), env=aws.env)
    order = aws.throttled()[-1]
    assert (order.service, order.refused) == ("secretsmanager", BRIEFLY)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_survives_short_throttling_fails_on_long_throttling_and_converges_when_run_again(
    seed: int, tmp_path: Path, released: dict[str, str]
) -> None:
    dice = random.Random(seed)  # noqa: S311 (not for security)
    with strict_account(tmp_path, seed) as aws, machines(aws):
        operator = Operator(aws, released)
        aws.throttle(after=dice.randrange(10, 100), refusals=BRIEFLY)
        aws.throttle(after=dice.randrange(100, 450), refusals=None)
        throttled = operator.run("site")
        short, long = aws.throttled()
        assert short.refused == BRIEFLY
        assert throttled.code != 0
        assert WORDS.get(long.service, "Throttling") in throttled.output, throttled.output[-8000:]
        aws.serve_all()
        for step in STEPS:
            operator.succeed(step)
        assert [operator.succeed(step).changed for step in STEPS] == [0] * len(STEPS)
