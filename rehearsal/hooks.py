"""What moto cannot know of machines that really run, told by the data plane, which lives in the same process.

Beside the patches of `rehearsal.aws`, which make moto record and answer as AWS does, these replace guesses by what is:
whether a machine is healthy, when it says that it may go, what the database's password is and where it came from.
"""

import time
from collections.abc import Callable
from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus
from moto.rds.models import DBInstance, RDSBackend, rds_backends

from rehearsal.aws.patches.autoscaling import Refresh

_leaving: dict[str, float | None] = {}
"""Machines whose group waits for them: when they were last heard of; None once they said that they may go."""

_restored: dict[str, str] = {}
"""The snapshot that a database was made from, by the database's name."""


def apply(is_healthy: Callable[[str], bool]) -> None:
    """Let moto ask `is_healthy` of an instance's id, and hear what machines say of their end."""
    responses: Any = AutoScalingResponse
    responses.record_lifecycle_action_heartbeat = _take_heartbeat
    responses.complete_lifecycle_action = _take_completion
    refresh: Any = Refresh
    refresh.is_healthy = staticmethod(is_healthy)
    balancers: Any = ELBv2Backend
    balancers.describe_target_health = _tell_health(is_healthy, ELBv2Backend.describe_target_health)
    databases: Any = RDSBackend
    databases.create_db_instance = _note_creation(RDSBackend.create_db_instance)
    databases.restore_db_instance_from_db_snapshot = _note_restore(RDSBackend.restore_db_instance_from_db_snapshot)


def wait_for(instance_id: str) -> None:
    """Its group waits, from now on."""
    _leaving.setdefault(instance_id, time.monotonic())


def let_go(instance_id: str, *, seconds: float) -> bool:
    """Whether it said that it may go, or was not heard of for so long."""
    heard = _leaving.get(instance_id)
    return heard is None or time.monotonic() - heard > seconds


def password(database: str) -> str:
    """The master's; AWS tells it nobody."""
    (by_region,) = rds_backends.values()
    instances = [each for backend in by_region.values() for each in backend.databases.values()]
    (found,) = [each for each in instances if each.db_instance_identifier == database]
    return str(found._master_user_password)


def restored_from(database: str) -> str | None:
    """The snapshot that it was made from; None for a new one."""
    return _restored.get(database)


def _take_heartbeat(response: AutoScalingResponse) -> ActionResult:
    _leaving[_waited_for(response)] = time.monotonic()
    return EmptyResult()


def _take_completion(response: AutoScalingResponse) -> ActionResult:
    _leaving[_waited_for(response)] = None
    return EmptyResult()


def _waited_for(response: AutoScalingResponse) -> str:
    instance_id = str(response._get_param("InstanceId"))
    if _leaving.get(instance_id) is None:
        raise ValidationError(f"No active Lifecycle Action found with instance ID {instance_id}")
    return instance_id


def _tell_health(is_healthy: Callable[[str], bool], ask: Callable[..., list[FakeHealthStatus]]) -> Any:
    def describe_target_health(
        self: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
    ) -> list[FakeHealthStatus]:
        told = ask(self, target_group_arn, targets)
        for each in told:
            if each.status == "healthy" and not is_healthy(each.instance_id):
                each.status, each.reason = "unhealthy", "Target.FailedHealthChecks"
                each.description = "Health checks failed"
        return told

    return describe_target_health


def _note_creation(create: Callable[..., DBInstance]) -> Any:
    def create_db_instance(self: RDSBackend, arguments: dict[str, Any]) -> DBInstance:
        _restored.pop(arguments["db_instance_identifier"], None)
        return create(self, arguments)

    return create_db_instance


def _note_restore(restore: Callable[..., DBInstance]) -> Any:
    def restore_db_instance_from_db_snapshot(
        self: RDSBackend, from_snapshot_id: str, overrides: dict[str, Any]
    ) -> DBInstance:
        made = restore(self, from_snapshot_id, overrides)
        _restored[overrides["db_instance_identifier"]] = from_snapshot_id
        return made

    return restore_db_instance_from_db_snapshot
