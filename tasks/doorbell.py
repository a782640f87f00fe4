"""Waking a worker. A message without content: which job is next is the ledger's to say."""

from collections.abc import Callable

import structlog
from huey import Huey
from huey.api import TaskWrapper

from app.config import Settings
from tasks.broker import RING_SECONDS, create_broker

log = structlog.get_logger(__name__)

ENOUGH_RINGS = 64
"""Rings waiting to be heard: a worker that hears one works until nothing is due, so more would say nothing new."""


def install_bell(huey: Huey, answer: Callable[[], None]) -> TaskWrapper:
    """Name what happens when the bell rings.

    `tasks.doorbell.render_due` is the name on the wire: a contract between versions that run side by side.
    """

    def render_due() -> None:
        answer()

    return huey.task(retries=0)(render_due)


class HueyDoorbell:
    """Rings through Huey; a queue that is down costs at most a second and no upload."""

    def __init__(self, settings: Settings) -> None:
        self._huey = create_broker(settings, socket_seconds=RING_SECONDS)
        self._bell = install_bell(self._huey, _nobody_home)

    def ring(self) -> bool:
        """Wake one worker; False when the queue could not be reached (upkeep rings again)."""
        try:
            if self._huey.pending_count() < ENOUGH_RINGS:
                self._bell()
        except Exception as error:  # noqa: BLE001 (the upload is kept; upkeep heals what was not rung)
            log.warning("doorbell_failed", error=f"{type(error).__name__}: {error}")
            return False
        return True

    def ping(self) -> None:
        """Ask whether the queue answers; raises what its client raises."""
        self._huey.pending_count()


def _nobody_home() -> None:
    raise AssertionError("a process that rings does not answer")
