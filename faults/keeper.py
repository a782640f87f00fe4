"""Start the site's processes, and restart them when they exit, as systemd does."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.history import History
from faults.servers import Starter
from testing.processes import Subprocess

POLL_SECONDS = 0.1
RESTART_SECONDS = 0.5
"""The time between a process's exit and its restart, like systemd's RestartSec."""

STOP_SECONDS = 8.0


@dataclass(frozen=True)
class Unit:
    """A program to run: name, command and environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


class Keeper:
    """Runs units. Restarts each unit that exits, unless `drop` has been called for it."""

    def __init__(self, log_dir: Path, starter: Starter, history: History) -> None:
        self._log_dir = log_dir
        self._starter = starter
        self._history = history
        self._units: dict[str, Unit] = {}
        self._running: dict[str, Subprocess] = {}
        self._ended_at: dict[str, float] = {}
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="keeper", daemon=True)
        self._thread.start()

    def keep(self, unit: Unit) -> None:
        """Run a unit. If a unit of the same name is running, stop and replace it."""
        with self._lock:
            self._units[unit.name] = unit
        if unit.name in self._running:
            self.signal(unit.name, signal.SIGTERM)
        else:
            self._start(unit)

    def drop(self, name: str) -> None:
        """Stop a unit without restarting it."""
        with self._lock:
            self._units.pop(name, None)
            process = self._running.pop(name, None)
        if process is not None:
            process.stop(seconds=STOP_SECONDS)

    def signal(self, name: str, signum: signal.Signals) -> None:
        """Send a signal to a unit's main process. If the process exits, the keeper restarts it."""
        with self._lock:
            process = self._running.get(name)
            if process is not None and process.running:
                self._history.note("keeper", "signal", process=name, signal=signum.name, pid=process.pid)
                os.kill(process.pid, signum)

    def pids(self) -> dict[str, int]:
        """Return the process IDs of the running units, by name."""
        with self._lock:
            return {name: process.pid for name, process in self._running.items() if process.running}

    def names(self) -> list[str]:
        return list(self._units)

    def close(self) -> None:
        """Stop all units at the same time."""
        self._over.set()
        self._thread.join()
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
                os.kill(process.pid, signal.SIGTERM)
        for process in self._running.values():
            process.stop(seconds=STOP_SECONDS)

    def _start(self, unit: Unit) -> None:
        log = self._log_dir / f"{unit.name}.log"
        started = self._starter.do(lambda: Subprocess(unit.command, log=log, environment=dict(unit.environment)))
        with self._lock:
            self._running[unit.name] = started
        self._history.note("keeper", "start", process=unit.name, pid=started.pid)

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            for unit in list(self._units.values()):
                if self._is_due(unit.name) and not self._over.is_set():
                    self._start(unit)

    def _is_due(self, name: str) -> bool:
        """Whether a unit's process has exited and its restart is due."""
        process = self._running.get(name)
        if process is None or process.running:
            self._ended_at.pop(name, None)
            return False
        now = time.monotonic()
        if name not in self._ended_at:
            self._ended_at[name] = now
            self._history.note("keeper", "end", process=name, pid=process.pid, code=process.stop())
        return now - self._ended_at[name] >= RESTART_SECONDS
