"""A handful of processes that live and die together, each on a leash and with a log of its own.

honcho, the obvious choice, runs each command through a helper process of its own: a SIGKILL of the supervisor
leaves both running, and a signal during the start breaks its shutdown.
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
"""How long a process has between SIGTERM and SIGKILL."""
LEASH_SECONDS = 3.0
"""What its leash may take beyond that to end what the process left behind."""
TAIL_LINES = 12


@dataclass(frozen=True)
class Leashed:
    """A command on its leash: the leash's process, and where the command's output goes."""

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
        """Start `command` in a session of its own: a terminal's Ctrl-C reaches us, and we stop it in order.

        Call it from the main thread: the kernel counts the end of the starting thread as our end.
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
        """None while it runs."""
        return self.process.poll()

    def ask_to_stop(self) -> None:
        """SIGTERM now, SIGKILL by the leash after its grace."""
        self.process.terminate()

    def wait(self, seconds: float) -> int:
        """Wait for the end; after `seconds`, kill the whole session."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of its log."""
        with self.log.open(errors="replace") as text:
            return "".join(deque(text, lines)).rstrip()

    def failure(self, what: str) -> DemoError:
        """`what` happened, with the end of the log and where to read the rest."""
        return DemoError(f"{self.name} {what}. The end of its log, {shown(self.log)}:\n{self.tail()}")


class Supervisor:
    """Processes that end together: one that ends by itself is a failure of them all."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: list[Leashed] = []

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        """Start a process that stays until `stop`."""
        with uninterrupted():
            self._running.append(self._leashed(name, command, environment))

    def run(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], seconds: float) -> None:
        """Run a command to its end.

        Raises:
            DemoError: it took longer than `seconds` or returned anything but 0.
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
        """Raise `DemoError` when a process has ended."""
        for leashed in self._running:
            if leashed.exit_code is not None:
                raise leashed.failure(f"ended unexpectedly (exit code {leashed.exit_code})")

    def stop(self) -> None:
        """End all processes, together, and return when none is left."""
        with uninterrupted():
            for leashed in self._running:
                leashed.ask_to_stop()
            while self._running:
                self._running.pop().wait(GRACE_SECONDS + LEASH_SECONDS)

    def _leashed(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Leashed:
        return Leashed.start(name, command, log=self._log_dir / f"{name}.log", environment=environment)
