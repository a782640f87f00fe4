"""Processes of a test run. The kernel kills them when the run ends, and their output is written to files."""

import grp
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

START_SECONDS = 60


class NotInstalled(Exception):
    """A program is missing on this machine; the message says how to install it."""


def wait_until(done: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
    """Poll `done` until it is true.

    Raises:
        AssertionError: `done` did not become true in time.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)


class Process(Protocol):
    """The methods of `subprocess.Popen` that `Subprocess` uses."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...


class Subprocess:
    """A child process that ends with the test run. Its output is written to a file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: dict[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str | None = None,
    ) -> None:
        self.command = command
        self.log = log
        self._stop_signal = stop_signal
        self._user = user
        with log.open("ab") as output:
            self._process = self._start(output, environment)

    def _start(self, output: IO[bytes], environment: Mapping[str, str] | None) -> Process:
        user = self._user
        as_user = [f"--reuid={user}", f"--regid={user_group(user)}", "--clear-groups"] if user else []
        dying_with_us = ["setpriv", "--pdeathsig", "KILL", *as_user, "--"] if shutil.which("setpriv") else []
        return subprocess.Popen(
            [*dying_with_us, *self.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=self.log.parent if user is None else "/",
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self, *, seconds: float = 15) -> int:
        """Send the stop signal, kill the process if it does not end in time, and return its exit code."""
        if self.running:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def wait_until(self, done: Callable[[], bool], *, what: str) -> None:
        def done_or_dead() -> bool:
            return done() or not self.running

        wait_until(done_or_dead, what=what)
        if not self.running:
            raise AssertionError(f"{self.command[0]} ended early:\n{self.log.read_text(errors='replace')[-4000:]}")


def user_group(user: str) -> str:
    """Return the name of the user's primary group, which may differ from the user's name (nobody, nogroup)."""
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
