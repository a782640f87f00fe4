"""Watching for this machine's end, so that nothing is lost by it.

A web machine leaves in this order: out of the balancer (the group has seen to that; requests still come for the
deregistration delay), /ready fails, requests in flight finish, services stop, the group is told. Workers only stop:
that drains, or gives their jobs back.
"""

import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import structlog

from app.host.errors import HostError, Unreachable

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2


class Notice(StrEnum):
    """Why a machine has to go."""

    TERMINATED = "terminated"
    """Its group scales in, replaces it, or rolls a release. There is time."""
    INTERRUPTED = "interrupted"
    """AWS takes a spot instance back. There are two minutes."""


class Signs(Protocol):
    """What says that it has to; `Metadata` in production."""

    def is_to_terminate(self) -> bool:
        """The group waits."""

    def is_to_be_interrupted(self) -> bool:
        """AWS does not."""


class Waiting(Protocol):
    """Who waits for it; `Lifecycle` in production."""

    def beat(self) -> None:
        """More time, please."""

    def complete(self) -> bool:
        """Done."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """How this machine leaves. Seconds."""

    units: tuple[str, ...]
    """systemd's, stopped in one go: their own time-outs say how long that may take."""
    drain_file: Path | None = None
    """/ready fails while it is there; only machines behind a balancer have one."""
    balancer_seconds: float = 0
    """After the group's notice: requests still arrive for so long."""
    interrupted_seconds: float = 0
    """After a spot notice, no balancer knows yet: so long until it has seen /ready fail."""
    heartbeat_seconds: float = 20


class Watch:
    """Polls until the machine is to go, then lets it go in good order."""

    def __init__(self, signs: Signs, waiting: Waiting | None, leaving: Leaving, *, interval_seconds: float) -> None:
        self._signs = signs
        self._waiting = waiting
        self._leaving = leaving
        self._interval_seconds = interval_seconds
        self._stop = threading.Event()
        self._beat_at = 0.0
        self._deaf = False

    def stop(self) -> None:
        """Watch no longer: the machine is going down by itself."""
        self._stop.set()

    def run(self) -> None:
        """Watch until the machine is let go, or until told to stop."""
        left = False
        while not self._stop.is_set():
            notice = self._look(left=left)
            if notice is not None and not left:
                self._leave(notice)
                left = True
            if notice is Notice.TERMINATED:
                if self._waiting is not None:
                    self._waiting.complete()
                return
            self._stop.wait(self._interval_seconds)

    def _look(self, *, left: bool) -> Notice | None:
        """The group's wish counts for more: somebody waits for an answer to it."""
        try:
            if self._signs.is_to_terminate():
                return Notice.TERMINATED
            interrupted = not left and self._signs.is_to_be_interrupted()
        except Unreachable as error:
            if not self._deaf:
                log.warning("metadata_unreachable", error=str(error))
            self._deaf = True
            return None
        self._deaf = False
        return Notice.INTERRUPTED if interrupted else None

    def _leave(self, notice: Notice) -> None:
        log.info("machine_leaves", notice=notice.value, units=self._leaving.units)
        self._beat_at = time.monotonic()
        if notice is Notice.TERMINATED:
            self._wait(self._leaving.balancer_seconds)
        self._fail_ready()
        if notice is Notice.INTERRUPTED:
            self._wait(self._leaving.interrupted_seconds)
        self._stop_units()
        log.info("machine_left", notice=notice.value)

    def _fail_ready(self) -> None:
        if self._leaving.drain_file is None:
            return
        try:
            self._leaving.drain_file.touch()
        except OSError as error:
            log.warning("drain_file_not_written", path=str(self._leaving.drain_file), error=str(error))

    def _stop_units(self) -> None:
        command = [systemctl(), "stop", *self._leaving.units]
        stopping = subprocess.Popen(command)  # noqa: S603 - no shell; the units are the host role's
        while stopping.poll() is None:
            time.sleep(POLL_SECONDS)
            self._beat()
        if stopping.returncode:
            log.warning("units_not_stopped", units=self._leaving.units, code=stopping.returncode)

    def _wait(self, seconds: float) -> None:
        """Pass the time, but no longer once the machine goes down by itself."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stop.wait(min(POLL_SECONDS, seconds)):
            self._beat()

    def _beat(self) -> None:
        if self._waiting is not None and time.monotonic() - self._beat_at >= self._leaving.heartbeat_seconds:
            self._beat_at = time.monotonic()
            self._waiting.beat()


def systemctl() -> str:
    """Where it is.

    Raises:
        HostError: this machine is not run by systemd.
    """
    found = shutil.which("systemctl")
    if found is None:
        raise HostError("There is no systemctl here: this machine is not run by systemd.")
    return found
