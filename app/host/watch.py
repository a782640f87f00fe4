"""Watches for this machine's termination and then stops its services, so that no request and no job is lost.

When the Auto Scaling group terminates a web machine, it first deregisters the machine from the load balancer. Once all
of the load balancer's nodes know of this, they send no new requests, but wait for open ones, such as slow uploads. The
watch waits until no request is in progress. Then it makes /ready fail, stops the services and completes the lifecycle
action, so that the group terminates the machine.

After a spot notice, the load balancer learns of the termination only from /ready. So the watch makes /ready fail first,
waits while requests still arrive, and then stops the services.

On a worker, the watch stops the services at once: they finish their jobs or give them back to the ledger.
"""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import structlog

from app.host.errors import HostError, Unreachable

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
COUNT_SECONDS = 1.0
"""How often the watch counts the requests in progress."""


class Notice(StrEnum):
    """Why this machine is about to terminate."""

    TERMINATED = "terminated"
    """The Auto Scaling group removes or replaces this machine, for example in a rollout. The lifecycle hook waits."""
    INTERRUPTED = "interrupted"
    """AWS will interrupt this spot instance in two minutes."""


class Notices(Protocol):
    """The source of termination notices; `Metadata` in production."""

    def is_to_terminate(self) -> bool:
        """Whether the group is terminating this machine and waiting for it."""

    def is_to_be_interrupted(self) -> bool:
        """Whether AWS is about to interrupt this machine, without waiting for it."""


class LifecycleHook(Protocol):
    """The group's lifecycle hook; `Lifecycle` in production."""

    def beat(self) -> None:
        """Extend the hook's wait."""

    def complete(self) -> bool:
        """Complete the lifecycle action, so that the group terminates the machine. Return False when that failed."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """How this machine shuts down. Durations are in seconds."""

    units: tuple[str, ...]
    """The systemd units to stop, all with one command. The units' own time-outs limit how long the stop takes."""
    drain_file: Path | None = None
    """/ready fails while this file exists. Only machines behind the load balancer have one."""
    requests_in_progress: Callable[[], int | None] = lambda: 0
    """Returns the number of requests that the machine is processing; None if that is not known."""
    settle_seconds: float = 0
    """How long requests may still arrive after the group begins the termination, even if none is in progress."""
    drain_seconds: float = 0
    """The maximum time to wait for requests in progress after the group begins the termination."""
    interrupted_seconds: float = 0
    """How long requests still arrive after a spot notice has made /ready fail."""
    heartbeat_seconds: float = 20


class Watch:
    """Polls for a notice, then shuts the machine's services down in order."""

    def __init__(
        self, notices: Notices, hook: LifecycleHook | None, leaving: Leaving, *, interval_seconds: float
    ) -> None:
        self._notices = notices
        self._hook = hook
        self._leaving = leaving
        self._interval_seconds = interval_seconds
        self._stop = threading.Event()
        self._beat_at = 0.0
        self._is_unreachable = False

    def stop(self) -> None:
        """Stop watching, because the machine itself is shutting down."""
        self._stop.set()

    def run(self) -> None:
        """Watch until the lifecycle action is completed or `stop` is called."""
        left = False
        while not self._stop.is_set():
            notice = self._look(left=left)
            if notice is not None and not left:
                self._leave(notice)
                left = True
            if notice is Notice.TERMINATED:
                if self._hook is not None:
                    self._hook.complete()
                return
            self._stop.wait(self._interval_seconds)

    def _look(self, *, left: bool) -> Notice | None:
        """Return the current notice. The group's notice takes precedence, because its hook waits for this machine."""
        try:
            if self._notices.is_to_terminate():
                return Notice.TERMINATED
            interrupted = not left and self._notices.is_to_be_interrupted()
        except Unreachable as error:
            if not self._is_unreachable:
                log.warning("metadata_unreachable", error=str(error))
            self._is_unreachable = True
            return None
        self._is_unreachable = False
        return Notice.INTERRUPTED if interrupted else None

    def _leave(self, notice: Notice) -> None:
        log.info("machine_leaves", notice=notice.value, units=self._leaving.units)
        self._beat_at = time.monotonic()
        if notice is Notice.TERMINATED:
            self._wait_for_requests()
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
        stopping = subprocess.Popen(command)  # noqa: S603 - no shell; the host role sets the units
        while stopping.poll() is None:
            time.sleep(POLL_SECONDS)
            self._beat()
        if stopping.returncode:
            log.warning("units_not_stopped", units=self._leaving.units, code=stopping.returncode)

    def _wait_for_requests(self) -> None:
        """Wait until the load balancer sends no more requests and none is in progress, for `drain_seconds` at most."""
        until = time.monotonic() + self._leaving.drain_seconds
        self._wait(min(self._leaving.settle_seconds, self._leaving.drain_seconds))
        while not self._stop.is_set() and (requests := self._leaving.requests_in_progress()) != 0:
            left = until - time.monotonic()
            if left <= 0:
                log.warning("requests_outlast_the_drain", requests=requests, seconds=self._leaving.drain_seconds)
                return
            self._wait(min(COUNT_SECONDS, left))

    def _wait(self, seconds: float) -> None:
        """Wait and send heartbeats, but stop waiting when `stop` is called."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stop.wait(min(POLL_SECONDS, seconds)):
            self._beat()

    def _beat(self) -> None:
        if self._hook is not None and time.monotonic() - self._beat_at >= self._leaving.heartbeat_seconds:
            self._beat_at = time.monotonic()
            self._hook.beat()


def systemctl() -> str:
    """Return the path of systemctl.

    Raises:
        HostError: this machine does not run systemd.
    """
    found = shutil.which("systemctl")
    if found is None:
        raise HostError("systemctl is missing: this machine does not run systemd.")
    return found
