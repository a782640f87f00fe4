"""The doorbell: a message without content that wakes a worker. The ledger decides which job is next."""

from collections.abc import Callable

import structlog
from huey import Huey
from huey.api import TaskWrapper

from app.config import Settings
from tasks.broker import RING_SECONDS, create_broker

log = structlog.get_logger(__name__)

ENOUGH_RINGS = 64
"""The maximum number of pending rings. More would be useless, because each ring makes a worker run all due jobs."""


def install_bell(huey: Huey, answer: Callable[[], None]) -> TaskWrapper:
    """Register the Huey task that calls `answer` when the doorbell rings.

    The task's name in messages, `tasks.doorbell.render_due`, must not change: during a rollout, an API and a worker of
    different releases exchange these messages.
    """

    def render_due() -> None:
        answer()

    return huey.task(retries=0)(render_due)


class HueyDoorbell:
    """Rings the doorbell through Huey. If the queue is down, uploads still succeed, but take up to a second longer."""

    def __init__(self, settings: Settings) -> None:
        self._huey = create_broker(settings, socket_seconds=RING_SECONDS)
        self._bell = install_bell(self._huey, _do_not_answer)

    def ring(self) -> bool:
        """Wake one worker. Return False if the queue could not be reached; upkeep then rings again."""
        try:
            if self._huey.pending_count() < ENOUGH_RINGS:
                self._bell()
        except Exception as error:  # noqa: BLE001 (the upload succeeds in any case; upkeep rings again)
            log.warning("doorbell_failed", error=f"{type(error).__name__}: {error}")
            return False
        return True

    def ping(self) -> None:
        """Check that the queue can be reached. If it cannot, raise the exception of the queue's client."""
        self._huey.pending_count()


def _do_not_answer() -> None:
    raise AssertionError("a process that rings the doorbell does not run the task")
