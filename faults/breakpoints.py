"""Run a fault's action when a job reaches an exact stage.

Only a few actions may strike the same job: after too many failed attempts, the platform rightly fails a job, even if
its clip is valid.
"""

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
"""The maximum number of times that one job may lose its worker: a job that needs a third rescue fails as poison."""

MOST_ATTEMPTS = 2
"""The maximum number of a job's five attempts that the nemesis may cause to fail."""

WATCH_SECONDS = 8.0
GLANCE_SECONDS = 0.004
REQUESTS = {"download": ("GET", ORIGINALS), "upload": ("PUT", RESULTS), "stored": ("HEAD", RESULTS)}
"""Stage → the request that a worker sends to the store when its job reaches the stage."""

SIGNS = {"probe": "mediainfo_process", "encode": "libx264"}
"""Stage → text in the command line of the child process that a worker starts when its job reaches the stage."""


@dataclass(frozen=True, slots=True)
class Target:
    """A job at a stage: its video, and the process that holds its lease."""

    video: str
    pid: int

    def children(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children(recursive=True)
        return []


@dataclass
class Breakpoint:
    """An action to run on the next job that reaches a stage."""

    stage: str
    cost: Cost
    act: Callable[[Target], None]
    struck: threading.Event = field(default_factory=threading.Event)
    target: Target | None = None


class Breakpoints:
    """Follows the stages of all jobs, and runs the breakpoints' actions."""

    def __init__(self, ledger: Ledger, history: History) -> None:
        self._ledger = ledger
        self._history = history
        self._breakpoints: list[Breakpoint] = []
        self._spent: dict[str, Counter[str]] = {"worker": Counter(), "attempt": Counter()}
        self._lock = threading.Lock()
        self.spared: set[str] = set()
        """Videos of poison clips, which are never struck: their jobs must fail only because of the clip."""
        ledger.listeners.append(self.on_transition)

    def strike(self, stage: str, act: Callable[[Target], None], *, cost: Cost, seconds: float) -> Target | None:
        """Wait for a job to reach `stage`, run `act` on it, and return it; None if no job does so in `seconds`."""
        point = Breakpoint(stage, cost, act)
        with self._lock:
            self._breakpoints.append(point)
        point.struck.wait(seconds)
        with self._lock:
            with contextlib.suppress(ValueError):
                self._breakpoints.remove(point)
            return point.target

    def on_request(self, request: Request) -> None:
        """Handle a request to the store. The gate forwards the request when this method returns."""
        if not request.process.startswith("worker"):
            return
        for stage, (method, prefix) in REQUESTS.items():
            if request.about(method, prefix) and self._is_set(stage):
                video = request.key.removeprefix(prefix).partition("/")[0].removesuffix(".mp4")
                self._trigger(stage, video, self._ledger.holder(video))

    def on_transition(self, row: Row) -> None:
        """Handle a transition of a job."""
        pid = pid_of(row["owner"])
        if row["state"] == "running":
            self._trigger("claimed", row["video"], pid)
            if any(self._is_set(stage) for stage in SIGNS):
                threading.Thread(target=self._follow, args=(pid,), daemon=True).start()
        elif row["state"] == "succeeded":
            self._trigger("committed", row["video"], pid)

    def _follow(self, pid: int | None) -> None:
        """Poll a worker's children until they reach the stage of a breakpoint."""
        deadline = time.monotonic() + WATCH_SECONDS
        while pid and time.monotonic() < deadline and any(self._is_set(stage) for stage in SIGNS):
            for stage, sign in SIGNS.items():
                if self._is_set(stage) and any(sign in line for line in _command_lines(pid)):
                    # Look up the job only now, because the worker may have claimed another job in the meantime.
                    self._trigger(stage, self._ledger.held_by(pid), pid)
                    return
            time.sleep(GLANCE_SECONDS)

    def _is_set(self, stage: str) -> bool:
        return any(point.stage == stage for point in self._breakpoints)

    def _trigger(self, stage: str, video: str | None, pid: int | None) -> None:
        """Run the action of a breakpoint for this stage, if there is one and its action may still strike the job."""
        point = self._take(stage, video) if video and pid else None
        if point is None or video is None or pid is None:
            return
        point.target = Target(video, pid)
        self._history.note("nemesis", "strike", stage=stage, video=video, pid=pid, cost=point.cost)
        point.act(point.target)
        self._charge_bystander(point, video, pid)
        point.struck.set()

    def _take(self, stage: str, video: str) -> Breakpoint | None:
        with self._lock:
            point = next((point for point in self._breakpoints if point.stage == stage), None)
            if point is None or video in self.spared or not self._may_strike(video, point.cost):
                return None
            self._breakpoints.remove(point)
            self._spent[point.cost][video] += 1
            return point

    def _charge_bystander(self, point: Breakpoint, video: str, pid: int) -> None:
        """If the worker had already claimed another job when the action ran, count the strike for that job too."""
        held = self._ledger.held_by(pid)
        if held is not None and held != video:
            with self._lock:
                self._spent[point.cost][held] += 1

    def _may_strike(self, video: str, cost: Cost) -> bool:
        return self._spent[cost][video] < {"worker": MOST_KILLS, "attempt": MOST_ATTEMPTS}[cost]


def _command_lines(pid: int) -> list[str]:
    lines = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                lines.append(" ".join(child.cmdline()))
    return lines
