"""Supply moto, which runs in the data plane's process, with the state of the rehearsal's machines and database.

moto runs no machines, so it reports every target as healthy and does not wait for termination hooks. These functions
make it use the real state of the machines. They also return two values that AWS' API does not return: the database's
password, and the snapshot that the database was restored from.
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
"""Instances with a termination lifecycle action → the last heartbeat's time; None once the action is completed."""

_restored: dict[str, str] = {}
"""A database's name → the snapshot that it was restored from."""


def apply(is_healthy: Callable[[str], bool]) -> None:
    """Make moto ask `is_healthy` for an instance's health, and record lifecycle calls and database restores."""
    responses: Any = AutoScalingResponse
    responses.record_lifecycle_action_heartbeat = _record_heartbeat
    responses.complete_lifecycle_action = _record_completion
    refresh: Any = Refresh
    refresh.is_healthy = staticmethod(is_healthy)
    balancers: Any = ELBv2Backend
    balancers.describe_target_health = _report_health(is_healthy, ELBv2Backend.describe_target_health)
    databases: Any = RDSBackend
    databases.create_db_instance = _note_creation(RDSBackend.create_db_instance)
    databases.restore_db_instance_from_db_snapshot = _note_restore(RDSBackend.restore_db_instance_from_db_snapshot)


def wait_for(instance_id: str) -> None:
    """Start the lifecycle action of an instance's termination."""
    _leaving.setdefault(instance_id, time.monotonic())


def may_terminate(instance_id: str, *, seconds: float) -> bool:
    """Whether the instance's lifecycle action is completed, or has had no heartbeat for `seconds`."""
    heartbeat = _leaving.get(instance_id)
    return heartbeat is None or time.monotonic() - heartbeat > seconds


def password(database: str) -> str:
    """Return the master password of a database. AWS' API does not return it, so this reads moto's state."""
    (by_region,) = rds_backends.values()
    instances = [each for backend in by_region.values() for each in backend.databases.values()]
    (found,) = [each for each in instances if each.db_instance_identifier == database]
    return str(found._master_user_password)


def restored_from(database: str) -> str | None:
    """Return the snapshot that a database was restored from; None for a database that was created empty."""
    return _restored.get(database)


def _record_heartbeat(response: AutoScalingResponse) -> ActionResult:
    _leaving[_active_instance(response)] = time.monotonic()
    return EmptyResult()


def _record_completion(response: AutoScalingResponse) -> ActionResult:
    _leaving[_active_instance(response)] = None
    return EmptyResult()


def _active_instance(response: AutoScalingResponse) -> str:
    instance_id = str(response._get_param("InstanceId"))
    if _leaving.get(instance_id) is None:
        raise ValidationError(f"No active Lifecycle Action found with instance ID {instance_id}")
    return instance_id


def _report_health(is_healthy: Callable[[str], bool], ask: Callable[..., list[FakeHealthStatus]]) -> Any:
    def describe_target_health(
        self: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
    ) -> list[FakeHealthStatus]:
        statuses = ask(self, target_group_arn, targets)
        for each in statuses:
            if each.status == "healthy" and not is_healthy(each.instance_id):
                each.status, each.reason = "unhealthy", "Target.FailedHealthChecks"
                each.description = "Health checks failed"
        return statuses

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
        instance = restore(self, from_snapshot_id, overrides)
        _restored[overrides["db_instance_identifier"]] = from_snapshot_id
        return instance

    return restore_db_instance_from_db_snapshot
