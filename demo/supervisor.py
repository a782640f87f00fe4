"""Supervise a few processes that are stopped together, each on a leash (`demo.leash`) and with its own log.

This module replaces the package Honcho, which has two problems: if Honcho receives SIGKILL, its helper processes and
the commands keep running; if a signal arrives during startup, its shutdown fails.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo import leash
from demo.errors import DemoError
from demo.interruption import uninterrupted
from demo.paths import shown

GRACE_SECONDS = 5.0
"""The time between SIGTERM and SIGKILL."""
LEASH_SECONDS = 3.0
"""The extra time for the leash to kill the remaining children of the command."""
TAIL_LINES = 12


@dataclass(frozen=True)
class Leashed:
    """A command that runs on a leash (`demo.leash`): the leash's process, and the command's log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> "Leashed":
        """Start `command` in a new session, so that a terminal's Ctrl-C reaches only this process.

        Call this method from the main thread: when the calling thread ends, the kernel sends SIGTERM to the leash.
        """
        held = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), str(grace_seconds), *command]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                held,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=cwd,
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def exit_code(self) -> int | None:
        """The command's exit code; None while the command is running."""
        return self.process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the leash, which forwards it to the command and sends SIGKILL after a grace period."""
        self.process.terminate()

    def wait(self, seconds: float) -> int:
        """Wait until the leash exits, and return its exit code. After `seconds`, kill the whole session."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of the log."""
        with self.log.open(errors="replace") as text:
            return "".join(deque(text, lines)).rstrip()

    def failure(self, what: str) -> DemoError:
        """Return an error that contains the command's name, what happened, and the path and the end of its log."""
        return DemoError(f"{self.name} {what}. The end of its log, {shown(self.log)}:\n{self.tail()}")


class Supervisor:
    """Processes that are stopped together. `check` fails if one of them has exited on its own."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: list[Leashed] = []

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        """Start a process that runs until `stop`."""
        with uninterrupted():
            self._running.append(self._leashed(name, command, environment))

    def run(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], seconds: float) -> None:
        """Run a command to completion.

        Raises:
            DemoError: the command took longer than `seconds`, or its exit code is not 0.
        """
        with uninterrupted():
            started = self._leashed(name, command, environment)
            self._running.append(started)
        deadline = time.monotonic() + seconds
        while started.exit_code is None:
            if time.monotonic() > deadline:
                raise started.failure(f"did not finish within {seconds:g} s")
            time.sleep(0.05)
        self._running.remove(started)
        if started.exit_code != 0:
            raise started.failure(f"failed with exit code {started.exit_code}")

    def check(self) -> None:
        """Raise `DemoError` if a process has exited."""
        for leashed in self._running:
            if leashed.exit_code is not None:
                raise leashed.failure(f"ended unexpectedly (exit code {leashed.exit_code})")

    def stop(self) -> None:
        """Send SIGTERM to all processes, and return when all of them have exited."""
        with uninterrupted():
            for leashed in self._running:
                leashed.ask_to_stop()
            while self._running:
                self._running.pop().wait(GRACE_SECONDS + LEASH_SECONDS)

    def _leashed(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Leashed:
        return Leashed.start(name, command, log=self._log_dir / f"{name}.log", environment=environment)
