"""Readiness: whether this process may receive traffic, and which of its dependencies are up.

All machines share the dependencies. If a failing dependency made /ready fail, every web machine would be replaced. So
once the process has reached its database and its store, /ready returns 200 until the process drains, and only the
response's body reports which dependencies are down. One background thread per dependency checks it, so that a
dependency that hangs does not delay /ready. With `deep=1`, /ready itself checks all dependencies and fails if one is
down.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

ASK_EVERY_SECONDS = 2.0
SILENT_SECONDS = 10.0
"""A dependency counts as down when it has not responded for this long."""

REQUIRED = {"database", "storage"}


class Readiness:
    """Checks the dependencies, each with a function that raises when the dependency is down."""

    def __init__(self, checks: dict[str, Callable[[], None]], *, drain_file: Path | None = None) -> None:
        self.draining = threading.Event()
        self._drain_file = drain_file
        self._checks = checks
        self._answered_at: dict[str, float] = {}
        self._reached: set[str] = set()

    def watch(self) -> None:
        """For each dependency, start a daemon thread that checks it every `ASK_EVERY_SECONDS`."""
        for part in self._checks:
            threading.Thread(target=self._watch, args=(part,), name=f"watch-{part}", daemon=True).start()

    def _watch(self, part: str) -> None:
        while True:
            self._ask(part)
            time.sleep(ASK_EVERY_SECONDS)

    def states(self) -> dict[str, str]:
        """Return the state of each dependency, `ok` or `down`, according to its last check."""
        now = time.monotonic()
        return {part: _state(now - self._answered_at.get(part, -SILENT_SECONDS)) for part in self._checks}

    def ask_now(self) -> dict[str, str]:
        """Check every dependency now and return their states. This may take as long as all their time-outs together."""
        for part in self._checks:
            self._ask(part)
        return self.states()

    def _ask(self, part: str) -> None:
        try:
            self._checks[part]()
        except Exception as error:  # noqa: BLE001 (any exception means that the dependency is down)
            log.warning("part_down", part=part, error=f"{type(error).__name__}: {error}")
            self._answered_at.pop(part, None)
        else:
            self._answered_at[part] = time.monotonic()
            self._reached.add(part)

    def accepts_traffic(self) -> bool:
        """Whether the load balancer may send requests to this process."""
        return not self.is_draining() and self._reached >= REQUIRED

    def is_draining(self) -> bool:
        """Whether this process is stopping, or its machine is about to terminate."""
        return self.draining.is_set() or _exists(self._drain_file)


def _exists(file: Path | None) -> bool:
    """Whether the drain file exists; False if access is denied, so that wrong permissions cannot take the site down."""
    try:
        return file is not None and file.exists()
    except OSError:
        return False


def _state(silent_seconds: float) -> str:
    return "ok" if silent_seconds < SILENT_SECONDS else "down"
