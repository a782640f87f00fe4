"""Faults of API processes, disks and clocks; a worker with older code; upkeep processes with a very short interval."""

import contextlib
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.storage.keys import ORIGINALS
from faults.gates import Request
from faults.ledger import DatabaseUnavailable, pid_of
from faults.lines import Cut, Link, watched
from faults.schedule import Step
from faults.site import ROOT, Site
from faults.visitors import send_clip_meanwhile
from faults.worker_faults import NO_JOB, kill_worker

ARMED_SECONDS = 10.0
WORK_SECONDS = 20.0
"""The extra time that a worker of another version may take to finish its first clip."""

SWAPPING = threading.Lock()
LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
"""The library of Debian's package faketime; None if the package is not installed."""


def api_killed_before_ring(site: Site, step: Step) -> str:
    """SIGKILL an API process between the commit and the doorbell, so that its ring never reaches Redis."""
    name = str(step.parameters["api"])
    noted, killed = threading.Event(), threading.Event()

    def note_insert(_link: Link, data: bytes) -> None:
        if b'INSERT INTO "jobs"' in data:
            noted.set()

    def kill_before_ring(_link: Link, data: bytes) -> None:
        if noted.is_set() and (b"ZCARD" in data or b"ZADD" in data) and not killed.is_set():
            killed.set()
            site.keeper.signal(name, signal.SIGKILL)
            raise Cut

    database, bell = [site.line(name, "postgres")], [site.line(name, "redis")]
    with watched(database, "outgoing", note_insert), watched(bell, "outgoing", kill_before_ring):
        send_clip_meanwhile(site, step, api=name)
        site.until(killed.is_set, ARMED_SECONDS)
    return f"killed {name} before its ring" if killed.is_set() else NO_JOB


def api_killed_in_upload(site: Site, step: Step) -> str:
    """SIGKILL an API process while it uploads the original to the store."""
    name = str(step.parameters["api"])
    killed = threading.Event()

    def kill(request: Request) -> None:
        if request.process == name and request.about("PUT", ORIGINALS) and not killed.is_set():
            killed.set()
            site.keeper.signal(name, signal.SIGKILL)

    site.traffic.watchers.append(kill)
    send_clip_meanwhile(site, step, api=name)
    try:
        site.until(killed.is_set, ARMED_SECONDS)
    finally:
        site.traffic.watchers.remove(kill)
    return f"killed {name} in an upload" if killed.is_set() else NO_JOB


def api_stopped(site: Site, step: Step) -> str:
    """SIGTERM an API process: it responds to the requests that it has accepted, exits, and is restarted."""
    name = str(step.parameters["api"])
    pid = site.keeper.pids().get(name)
    site.history.note("nemesis", "sigterm", process=name)
    site.keeper.signal(name, signal.SIGTERM)
    ended = site.until(lambda: site.keeper.pids().get(name) != pid, ARMED_SECONDS)
    return f"{name} ended" if ended else f"{name} had not ended after {ARMED_SECONDS:g} s"


def disk_full(site: Site, step: Step) -> str:
    """A machine's work directory is full; if the harness is not root, one FFmpeg writes to /dev/full instead."""
    machine = site.machines[str(step.parameters["machine"])]
    if not machine.mounted:
        target = site.breakpoints.strike(
            "claimed", lambda target: site.shim.order(target.pid, "full"), cost="attempt", seconds=ARMED_SECONDS
        )
        return f"video {target.video} wrote to /dev/full" if target else NO_JOB
    ballast = machine.work_dir / "ballast"
    try:
        _fill(ballast)
        site.sleep(step.seconds)
    finally:
        ballast.unlink(missing_ok=True)
    return f"no room on machine {machine.name} for {step.seconds:g} s"


def _fill(ballast: Path) -> None:
    block = bytes(1 << 20)
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(block):
            pass


def clock_wrong(site: Site, step: Step) -> str:
    """A worker's clock is an hour off, so that S3 rejects its signatures."""
    if LIBFAKETIME is None:
        return "left out: Debian's faketime is not installed"
    name, offset = str(step.parameters["worker"]), str(step.parameters["offset"])
    wrong = {"LD_PRELOAD": str(LIBFAKETIME), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with _running_as(site, name, wrong):
        site.sleep(step.seconds)
        reported = site.until(lambda: _reports_its_clock(site), ARMED_SECONDS)
    site.history.note("nemesis", "problem_reported" if reported else "problem_not_reported", process=name)
    return f"{name} {'reported' if reported else 'did not report'} its wrong clock"


def _reports_its_clock(site: Site) -> bool:
    with contextlib.suppress(*DatabaseUnavailable):
        return bool(site.ledger.rows("SELECT name FROM workers WHERE problem ILIKE '%%clock%%'"))
    return False


def previous_version(site: Site, step: Step) -> str:
    """One of the two workers runs the code of another commit (PREVIOUS=ref)."""
    with _running_as(site, "worker-2", {"PYTHONPATH": str(_checked_out(site.folder, site.previous))}):
        site.sleep(step.seconds)
        site.until(lambda: _finished_by(site, "worker-2") > 0, WORK_SECONDS)
        finished = _finished_by(site, "worker-2")
    return f"worker-2 ran {site.previous} and finished {finished} clips"


def _finished_by(site: Site, name: str) -> int:
    """Return the number of jobs that the current processes of a worker have committed."""
    pids: set[int | None] = set()
    with contextlib.suppress(psutil.Error):
        pids = {child.pid for child in psutil.Process(site.keeper.pids().get(name)).children()}
    with contextlib.suppress(*DatabaseUnavailable):
        committed = site.ledger.rows("SELECT owner FROM seen_jobs WHERE state = 'succeeded'")
        return sum(pid_of(row["owner"]) in pids for row in committed)
    return 0


@contextmanager
def _running_as(site: Site, name: str, environment: dict[str, str]) -> Iterator[None]:
    """Run a process with additional environment variables until the `with` block ends.

    A lock prevents two overlapping faults from changing the same process.
    """
    with SWAPPING:
        pid = site.keeper.pids().get(name)
        try:
            site.keeper.keep(site.unit(name, **environment))
            site.until(lambda: site.keeper.pids().get(name, pid) != pid, ARMED_SECONDS)
            yield
        finally:
            site.keeper.keep(site.unit(name))


def _checked_out(folder: Path, ref: str) -> Path:
    """Extract the platform's packages from a commit, without changing the repository's working tree."""
    target = folder / "previous"
    if not target.exists():
        target.mkdir()
        archive = subprocess.run(["git", "archive", ref, "app", "tasks"], cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "--extract"], cwd=target, input=archive.stdout, check=True)
    return target


def two_reapers(site: Site, step: Step) -> str:
    """Two extra upkeep processes with an interval of 0.02 s compete to rescue a dead worker's job."""
    restless = {"UPKEEP_INTERVAL_SECONDS": "0.02"}
    names = ("upkeep-1-restless", "upkeep-2-restless")
    try:
        for name in names:
            site.keeper.keep(site.unit(name, program="upkeep", **restless))
        happened = kill_worker(site, Step(step.at, step.fault, step.seconds, {"stage": "encode"}))
        site.sleep(site.pace.lease)
    finally:
        for name in names:
            site.keeper.drop(name)
    return happened
