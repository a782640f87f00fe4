"""The Auto Scaling group's hook: it waits for this machine while it hears from it, and lets it go when told."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

log = structlog.get_logger(__name__)

COMPLETE_SECONDS = 240.0
"""How long completing is tried; then the hook's own time-out lets the machine go."""

RETRY_SECONDS = 5.0
NOTHING_WAITS = "ValidationError"
"""AWS's code when no action of the hook is under way, as when it has been completed or its time is over."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Which hook of which group, for which machine."""

    group: str
    name: str
    instance_id: str


class Lifecycle:
    """Speaks to the group. `connect` makes a client of Auto Scaling with bounded time-outs."""

    def __init__(self, hook: Hook, connect: Callable[[], Any]) -> None:
        self._hook = hook
        self._connect = connect
        self._words = {
            "AutoScalingGroupName": hook.group,
            "LifecycleHookName": hook.name,
            "InstanceId": hook.instance_id,
        }

    def beat(self) -> None:
        """Ask for more time. A beat that fails is logged; the next one comes soon."""
        try:
            self._connect().record_lifecycle_action_heartbeat(**self._words)
        except (BotoCoreError, ClientError) as error:
            log.warning("lifecycle_heartbeat_failed", error=f"{type(error).__name__}: {error}")

    def complete(self) -> bool:
        """Let the machine go; False when AWS could not be told."""
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
