"""Whether this process may get traffic, and how the parts it depends on are.

A failing dependency must not make the balancer replace every machine: once the process has met its database
and its store, /ready stays 200 and tells their state in the body. It answers from memory, so that a part that
hangs cannot make it hang; a thread asks the parts.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

ASK_EVERY_SECONDS = 2.0
SILENT_SECONDS = 10.0
"""A part that has not answered for so long hangs: it is down, too."""

REQUIRED = {"database", "storage"}


class Readiness:
    """Asks the parts, each by a call that raises when its part is down."""

    def __init__(self, checks: dict[str, Callable[[], None]], *, drain_file: Path | None = None) -> None:
        self.draining = threading.Event()
        self._drain_file = drain_file
        self._checks = checks
        self._answered_at: dict[str, float] = {}
        self._met: set[str] = set()

    def watch(self) -> None:
        """Ask every part again and again, each in a thread of its own, as long as the process lives."""
        for part in self._checks:
            threading.Thread(target=self._watch, args=(part,), name=f"watch-{part}", daemon=True).start()

    def _watch(self, part: str) -> None:
        while True:
            self._ask(part)
            time.sleep(ASK_EVERY_SECONDS)

    def states(self) -> dict[str, str]:
        """`ok` or `down` by part, as last heard."""
        now = time.monotonic()
        return {part: _state(now - self._answered_at.get(part, -SILENT_SECONDS)) for part in self._checks}

    def ask_now(self) -> dict[str, str]:
        """The same, asked for this very answer: it takes as long as the slowest part may."""
        for part in self._checks:
            self._ask(part)
        return self.states()

    def _ask(self, part: str) -> None:
        try:
            self._checks[part]()
        except Exception as error:  # noqa: BLE001 (whatever it is, the part is down)
            log.warning("part_down", part=part, error=f"{type(error).__name__}: {error}")
            self._answered_at.pop(part, None)
        else:
            self._answered_at[part] = time.monotonic()
            self._met.add(part)

    def accepts_traffic(self) -> bool:
        """Whether the balancer may send requests here."""
        return not self.is_draining() and self._met >= REQUIRED

    def is_draining(self) -> bool:
        """Whether this process stops, or its machine is about to."""
        return self.draining.is_set() or _is_there(self._drain_file)


def _is_there(file: Path | None) -> bool:
    """One that may not even be looked for is not: a mistake in a sandbox must not take a site out of service."""
    try:
        return file is not None and file.exists()
    except OSError:
        return False


def _state(silent_seconds: float) -> str:
    return "ok" if silent_seconds < SILENT_SECONDS else "down"
