"""Reports the result of a machine's boot to the operator: as tags on the instance and a line in the log group."""

import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from app.host.aws import Aws
from app.host.errors import HostError

MAX_TAG_CHARS = 255


class Status(StrEnum):
    """The result of a boot."""

    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one machine's boot, with a message."""

    instance_id: str
    status: Status
    message: str
    release: str

    @property
    def boot_status(self) -> str:
        """The value of the tag: `ready`, or `failed: ` followed by the message, on one line."""
        message = " ".join(self.message.split())
        return (f"failed: {message}" if self.status is Status.FAILED else "ready")[:MAX_TAG_CHARS]

    @property
    def line(self) -> str:
        """The line for the log group."""
        message = " ".join(self.message.split())
        return f"boot {self.status.value} release={self.release}" + (f" {message}" if message else "")


def send_report(aws: Aws, report: Report, log_group: str | None) -> list[str]:
    """Tag the instance and write the log line. If one of the two calls fails, the other is still made.

    Returns:
        The failures, as sentences.
    """
    failures = []
    actions = {f"tags of {report.instance_id}": lambda aws: _tag(aws, report)}
    if log_group:
        actions[f"log group {log_group}"] = lambda aws: _write(aws, report, log_group)
    for what, action in actions.items():
        try:
            aws.ask(what, action)
        except HostError as error:
            failures.append(str(error))
    return failures


def _tag(aws: Aws, report: Report) -> None:
    tags = {"BootStatus": report.boot_status, "Release": report.release}
    aws.client("ec2").create_tags(
        Resources=[report.instance_id], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def _write(aws: Aws, report: Report, log_group: str) -> None:
    logs = aws.client("logs")
    stream = {"logGroupName": log_group, "logStreamName": report.instance_id}
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(**stream)
    logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": report.line}])
