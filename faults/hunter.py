"""Strikes a job at an exact stage, and no job more often than a clip that is innocent may bear."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import psutil

from app.storage.keys import ORIGINALS, RESULTS
from faults.gates import Request
from faults.history import History
from faults.ledger import Ledger, Row, pid_of

Cost = Literal["worker", "attempt"]

MOST_KILLS = 2
"""Of one job's worker: the third rescue would make it poison."""

MOST_ATTEMPTS = 2
"""That the nemesis spoils of one job's five."""

WATCH_SECONDS = 8.0
GLANCE_SECONDS = 0.004
REQUESTS = {"download": ("GET", ORIGINALS), "upload": ("PUT", RESULTS), "stored": ("HEAD", RESULTS)}
"""What a worker asks of the store at these stages."""

SIGNS = {"probe": "mediainfo_process", "encode": "libx264"}
"""What the command line of a worker's child says at these stages."""


@dataclass(frozen=True, slots=True)
class Prey:
    """A job caught at a stage: its video, and the process that holds its lease."""

    video: str
    pid: int

    def children(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children(recursive=True)
        return []


@dataclass
class Trap:
    """What happens to the next job that reaches a stage."""

    stage: str
    cost: Cost
    act: Callable[[Prey], None]
    struck: threading.Event = field(default_factory=threading.Event)
    prey: Prey | None = None


class Hunter:
    """Knows at every moment which stage each job has reached."""

    def __init__(self, ledger: Ledger, history: History) -> None:
        self._ledger = ledger
        self._history = history
        self._traps: list[Trap] = []
        self._spent: dict[str, Counter[str]] = {"worker": Counter(), "attempt": Counter()}
        self._lock = threading.Lock()
        self.spared: set[str] = set()
        """Clips that are poison by themselves: nobody strikes them, so that what happens to them is their own doing."""
        ledger.listeners.append(self.hear)

    def strike(self, stage: str, act: Callable[[Prey], None], *, cost: Cost, seconds: float) -> Prey | None:
        """Wait for a job to reach `stage` and act on it; None when none came within `seconds`."""
        trap = Trap(stage, cost, act)
        with self._lock:
            self._traps.append(trap)
        trap.struck.wait(seconds)
        with self._lock:
            with contextlib.suppress(ValueError):
                self._traps.remove(trap)
            return trap.prey

    def see(self, request: Request) -> None:
        """A request for the store passes; it waits until this returns."""
        if not request.process.startswith("worker"):
            return
        for stage, (method, prefix) in REQUESTS.items():
            if request.about(method, prefix) and self._set_for(stage):
                video = request.key.removeprefix(prefix).partition("/")[0].removesuffix(".mp4")
                self._spring(stage, video, self._ledger.holder(video))

    def hear(self, row: Row) -> None:
        """The ledger has changed."""
        pid = pid_of(row["owner"])
        if row["state"] == "running":
            self._spring("claimed", row["video"], pid)
            if any(self._set_for(stage) for stage in SIGNS):
                threading.Thread(target=self._follow, args=(pid,), daemon=True).start()
        elif row["state"] == "succeeded":
            self._spring("committed", row["video"], pid)

    def _follow(self, pid: int | None) -> None:
        """Watch a worker's children until a trap for one of their stages is sprung."""
        deadline = time.monotonic() + WATCH_SECONDS
        while pid and time.monotonic() < deadline and any(self._set_for(stage) for stage in SIGNS):
            for stage, sign in SIGNS.items():
                if self._set_for(stage) and any(sign in line for line in _command_lines(pid)):
                    # Asked now: the worker may have begun another job since it was followed.
                    self._spring(stage, self._ledger.held_by(pid), pid)
                    return
            time.sleep(GLANCE_SECONDS)

    def _set_for(self, stage: str) -> bool:
        return any(trap.stage == stage for trap in self._traps)

    def _spring(self, stage: str, video: str | None, pid: int | None) -> None:
        """Act, when there is a trap for this stage and the job may still bear it."""
        trap = self._take(stage, video) if video and pid else None
        if trap is None or video is None or pid is None:
            return
        trap.prey = Prey(video, pid)
        self._history.note("nemesis", "strike", stage=stage, video=video, pid=pid, cost=trap.cost)
        trap.act(trap.prey)
        self._charge_bystander(trap, video, pid)
        trap.struck.set()

    def _take(self, stage: str, video: str) -> Trap | None:
        with self._lock:
            trap = next((trap for trap in self._traps if trap.stage == stage), None)
            if trap is None or video in self.spared or not self._bears(video, trap.cost):
                return None
            self._traps.remove(trap)
            self._spent[trap.cost][video] += 1
            return trap

    def _charge_bystander(self, trap: Trap, video: str, pid: int) -> None:
        """A worker struck just after its commit may already hold the next job, which has lost its worker, too."""
        held = self._ledger.held_by(pid)
        if held is not None and held != video:
            with self._lock:
                self._spent[trap.cost][held] += 1

    def _bears(self, video: str, cost: Cost) -> bool:
        return self._spent[cost][video] < {"worker": MOST_KILLS, "attempt": MOST_ATTEMPTS}[cost]


def _command_lines(pid: int) -> list[str]:
    lines = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                lines.append(" ".join(child.cmdline()))
    return lines
