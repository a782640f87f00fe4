"""Whether this process may get traffic, and how the parts it depends on are.

A failing dependency must not make the balancer replace every machine: once the process has met its database
and its store, /ready stays 200 and tells their state in the body.
"""

import time
from collections.abc import Callable
from threading import Event, Lock

import structlog

log = structlog.get_logger(__name__)

FRESH_SECONDS = 2.0
"""Answers this young are given again: a balancer and its friends ask many times a second."""

REQUIRED = {"database", "storage"}


class Readiness:
    """Asks the parts, each by a call that raises when its part is down."""

    def __init__(self, checks: dict[str, Callable[[], None]]) -> None:
        self.draining = Event()
        self._checks = checks
        self._lock = Lock()
        self._asked_at = -FRESH_SECONDS
        self._states: dict[str, str] = {}
        self._met: set[str] = set()

    def states(self, *, fresh: bool) -> dict[str, str]:
        """`ok` or `down` by part; `fresh` asks now."""
        with self._lock:
            if fresh or time.monotonic() - self._asked_at > FRESH_SECONDS:
                self._states = {part: self._ask(part, check) for part, check in self._checks.items()}
                self._met |= {part for part, state in self._states.items() if state == "ok"}
                self._asked_at = time.monotonic()
            return dict(self._states)

    def _ask(self, part: str, check: Callable[[], None]) -> str:
        try:
            check()
        except Exception as error:  # noqa: BLE001 (whatever it is, the part is down)
            log.warning("part_down", part=part, error=f"{type(error).__name__}: {error}")
            return "down"
        return "ok"

    def accepts_traffic(self) -> bool:
        """Whether the balancer may send requests here; ask `states` first."""
        return not self.draining.is_set() and self._met >= REQUIRED
