"""Run the runbook's `aws` commands with Debian's AWS CLI, as an operator does."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY

RUNBOOK = REPOSITORY / "docs" / "runbook.md"
AWS_CLI = Path("/usr/bin/aws")
"""The program of Debian's package awscli. Version 2.9 ignores AWS_ENDPOINT_URL, so `show` passes --endpoint-url."""
BLOCK = re.compile(r"^ *```console\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
NOT_RUN = {
    "aws ssm start-session": "a session needs the Systems Manager agent, which mock AWS does not have",
    "aws cloudtrail lookup-events": "moto has no CloudTrail events",
    "aws autoscaling describe-scaling-activities": "moto records no scaling activities",
    "aws logs tail /rising-stars/$E/web --since 15m --filter-pattern": "shows lines only with the CloudWatch agent",
    "aws autoscaling start-instance-refresh": "changes the site",
    "aws ec2 terminate-instances": "changes the site",
    "aws rds restore-db-instance-to-point-in-time": "changes the site",
    "aws rds create-db-snapshot": "changes the site",
    "aws rds delete-db-instance": "changes the site",
    "aws rds wait": "waits for the result of a command that is not run",
}
"""The beginning of a command → why it is not run."""


def commands(text: str) -> list[str]:
    """Return every complete `aws` command in a page's code blocks and sentences, each once."""
    return list(dict.fromkeys(command for command in _written(text) if not command.endswith("…")))


def _written(text: str) -> Iterator[str]:
    for block in BLOCK.findall(text):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            yield from re.findall(r"^ *\$ (aws .*?)(?: {2,}#.*)?$", line)
    for code in re.findall(r"`([^`]+)`", BLOCK.sub("", text)):
        if len(words := code.replace("i-…", "i-0123456789abcdef0").split()) > 2 and words[0] == "aws":
            yield " ".join(words)


def reason_not_to_run(command: str) -> str | None:
    """Return why a command is not run; None if it is run."""
    return next((reason for beginning, reason in NOT_RUN.items() if command.startswith(beginning)), None)


def show(command: str, environment: str, instance_id: str, env: Mapping[str, str]) -> str:
    """Run a runbook command for an environment and one of its machines. It must succeed; return its output.

    `env` contains the credentials and the address of mock AWS.
    """
    variables = {"E": environment, "N": f"rising-stars-{environment}", "AWS_PAGER": ""}
    program = f'aws() {{ {AWS_CLI} --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program + command.replace("i-0123456789abcdef0", instance_id)],
        env={**os.environ, **env, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def silent_commands(aws: MockAws, environment: str) -> list[str]:
    """Set an alarm to ALARM, run all commands that are not in `NOT_RUN`, and return those that print nothing."""
    alarm = f"rising-stars-{environment}-site-worker-silent"
    as_cloudwatch = replace(aws, key="cloudwatch")  # the operator need not be permitted to make these calls
    as_cloudwatch.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="No metrics")
    wanted = {"tag:Environment": environment, "tag:Role": "worker", "instance-state-name": "running"}
    filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
    (reservation,) = as_cloudwatch.client("ec2").describe_instances(Filters=filters)["Reservations"]
    worker = reservation["Instances"][0]["InstanceId"]
    run = [command for command in commands(RUNBOOK.read_text()) if not reason_not_to_run(command)]
    outputs = {command: show(command, environment, worker, aws.env) for command in run}
    return [command for command, output in outputs.items() if output.strip() in {"", "None", "[]"}]
