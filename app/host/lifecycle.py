"""The Auto Scaling group's lifecycle hook: heartbeats extend its wait; completing the action ends the wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

log = structlog.get_logger(__name__)

COMPLETE_SECONDS = 240.0
"""How long the completion is retried. After that, the hook's own time-out lets the group terminate the machine."""

RETRY_SECONDS = 5.0
NOTHING_WAITS = "ValidationError"
"""AWS's error code when no lifecycle action is in progress: the action was completed or timed out."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A group's lifecycle hook for one machine."""

    group: str
    name: str
    instance_id: str


class Lifecycle:
    """Extends and completes the lifecycle action. `connect` creates an Auto Scaling client with bounded time-outs."""

    def __init__(self, hook: Hook, connect: Callable[[], Any]) -> None:
        self._hook = hook
        self._connect = connect
        self._words = {
            "AutoScalingGroupName": hook.group,
            "LifecycleHookName": hook.name,
            "InstanceId": hook.instance_id,
        }

    def beat(self) -> None:
        """Send a heartbeat to extend the wait. A failure is only logged, because the next heartbeat follows soon."""
        try:
            self._connect().record_lifecycle_action_heartbeat(**self._words)
        except (BotoCoreError, ClientError) as error:
            log.warning("lifecycle_heartbeat_failed", error=f"{type(error).__name__}: {error}")

    def complete(self) -> bool:
        """Complete the lifecycle action, so that the group terminates the machine. Return False when that failed."""
        give_up_at = time.monotonic() + COMPLETE_SECONDS
        while time.monotonic() < give_up_at:
            try:
                self._connect().complete_lifecycle_action(**self._words, LifecycleActionResult="CONTINUE")
            except (BotoCoreError, ClientError) as error:
                log.warning("lifecycle_completion_failed", error=f"{type(error).__name__}: {error}")
                if isinstance(error, ClientError) and error.response["Error"]["Code"] == NOTHING_WAITS:
                    return False
                time.sleep(RETRY_SECONDS)
            else:
                log.info("lifecycle_completed", group=self._hook.group, hook=self._hook.name)
                return True
        return False
