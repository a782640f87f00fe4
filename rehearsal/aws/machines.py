"""Report the boot of each instance, because mock AWS records instances but runs none.

    python -m rehearsal.aws.machines --endpoint http://127.0.0.1:5000 [--pid-file F] [--fail KIND=TEXT]

Half a second after this process first sees an instance in state running, it sets the tag BootStatus=ready and writes to
the log group of the machine's kind, as release/first_boot.py does. After eight seconds, it stops each instance with the
tag Role=builder, because a real builder powers itself off. With `--fail builder="no disk"`, it sets the tag BootStatus
of builders to "failed: no disk" instead, and does not stop them.
A rehearsal does not use this program, because its machines run as containers and report their own status.

The program exits on SIGTERM, or two seconds after mock AWS has stopped.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

POLL_SECONDS = 0.3
BOOT_SECONDS = 0.5
BUILD_SECONDS = 8.0
"""How long a builder runs. Before it stops, the `ec2_instance` module must have found it in the state `running`."""

START_SECONDS = 30
CLOSED_SECONDS = 2


def main() -> None:
    """Report until SIGTERM, or until calls to the endpoint have failed for `CLOSED_SECONDS`."""
    arguments = parse()
    if arguments.pid_file:
        arguments.pid_file.write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, leave)
    settings = Config(retries={"total_max_attempts": 1})
    ec2, logs = (boto3.client(name, endpoint_url=arguments.endpoint, config=settings) for name in ("ec2", "logs"))
    machines = Machines(ec2, logs, dict(arguments.fail))
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with suppress(ClientError):  # an instance was terminated between two calls
                machines.look()
            until = time.monotonic() + CLOSED_SECONDS
        except BotoCoreError:
            pass  # mock AWS has not started yet, or has stopped
        time.sleep(POLL_SECONDS)


class Machines:
    """The running instances: when each was first seen, and which have reported."""

    def __init__(self, ec2: Any, logs: Any, failures: dict[str, str]) -> None:
        self._ec2, self._logs = ec2, logs
        self._failures = failures
        self._seen: dict[str, float] = {}
        self._reported: set[str] = set()

    def look(self) -> None:
        """Report for each instance that has booted by now, and stop each builder that has finished."""
        for machine in self._running():
            name, kind = machine["InstanceId"], kind_of(machine)
            seconds = time.monotonic() - self._seen.setdefault(name, time.monotonic())
            if name not in self._reported and seconds >= BOOT_SECONDS:
                self._reported.add(name)
                self._report(machine, name, kind)
            if kind == "builder" and seconds >= BUILD_SECONDS and kind not in self._failures:
                self._ec2.stop_instances(InstanceIds=[name])

    def _running(self) -> Iterator[dict[str, Any]]:
        answer = self._ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
        for reservation in answer["Reservations"]:
            yield from reservation["Instances"]

    def _report(self, machine: dict[str, Any], name: str, kind: str) -> None:
        failure = self._failures.get(kind)
        status = f"failed: {failure}" if failure else "ready"
        stream = {"logGroupName": f"/rising-stars/{tag_of(machine, 'Environment')}/{kind}", "logStreamName": name}
        event = {"timestamp": int(time.time() * 1000), "message": f"boot {status}"}
        with suppress(ClientError):  # a scenario of one role has no log groups
            self._logs.create_log_stream(**stream)
            self._logs.put_log_events(**stream, logEvents=[event])
        self._ec2.create_tags(Resources=[name], Tags=[{"Key": "BootStatus", "Value": status}])


def kind_of(machine: dict[str, Any]) -> str:
    """Return the value of the instance's tag Role (web, worker or builder); empty if the instance has no such tag."""
    return tag_of(machine, "Role")


def tag_of(machine: dict[str, Any], key: str) -> str:
    """Return the value of one of the instance's tags; empty if the instance has no such tag."""
    return next((str(tag["Value"]) for tag in machine.get("Tags", []) if tag["Key"] == key), "")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.aws.machines", description="Report as machines do.")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--pid-file", type=Path, help="write the process ID to this file")
    parser.add_argument("--fail", action="append", default=[], type=failure, metavar="KIND=TEXT")
    return parser.parse_args()


def failure(text: str) -> tuple[str, str]:
    kind, separator, message = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError("give KIND=TEXT")
    return kind, message


def leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
