"""What befalls the processes' surroundings: the API itself, disks, clocks, versions, colleagues."""

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
from faults.ledger import DatabaseAway, pid_of
from faults.lines import Cut, Link, watched
from faults.schedule import Step
from faults.site import ROOT, Site
from faults.visitors import send_clip_meanwhile
from faults.worker_faults import NOBODY, kill_worker

ARMED_SECONDS = 10.0
WORK_SECONDS = 20.0
"""How much longer than its time a worker of another version may take to finish its first clip."""

SWAPPING = threading.Lock()
LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
"""Debian's package faketime."""


def api_killed_before_ring(site: Site, step: Step) -> str:
    """SIGKILL an API between the commit and the doorbell: its ring never reaches Redis."""
    name = str(step.parameters["api"])
    noted, killed = threading.Event(), threading.Event()

    def see_the_job(_link: Link, data: bytes) -> None:
        if b'INSERT INTO "jobs"' in data:
            noted.set()

    def kill_at_the_bell(_link: Link, data: bytes) -> None:
        if noted.is_set() and (b"ZCARD" in data or b"ZADD" in data) and not killed.is_set():
            killed.set()
            site.keeper.signal(name, signal.SIGKILL)
            raise Cut

    database, bell = [site.line(name, "postgres")], [site.line(name, "redis")]
    with watched(database, "outgoing", see_the_job), watched(bell, "outgoing", kill_at_the_bell):
        send_clip_meanwhile(site, step, api=name)
        site.until(killed.is_set, ARMED_SECONDS)
    return f"killed {name} before its ring" if killed.is_set() else NOBODY


def api_killed_in_upload(site: Site, step: Step) -> str:
    """SIGKILL an API while it sends the original to the store."""
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
    return f"killed {name} in an upload" if killed.is_set() else NOBODY


def api_stopped(site: Site, step: Step) -> str:
    """SIGTERM an API: it answers what it has accepted, ends, and is started again."""
    name = str(step.parameters["api"])
    pid = site.keeper.pids().get(name)
    site.history.note("nemesis", "sigterm", process=name)
    site.keeper.signal(name, signal.SIGTERM)
    ended = site.until(lambda: site.keeper.pids().get(name) != pid, ARMED_SECONDS)
    return f"{name} ended" if ended else f"{name} had not ended after {ARMED_SECONDS:g} s"


def disk_full(site: Site, step: Step) -> str:
    """A machine's work directory has no room left (or, where we may not mount one, one FFmpeg's output has none)."""
    machine = site.machines[str(step.parameters["machine"])]
    if not machine.mounted:
        prey = site.hunter.strike(
            "claimed", lambda prey: site.shim.order(prey.pid, "full"), cost="attempt", seconds=ARMED_SECONDS
        )
        return f"video {prey.video} wrote to /dev/full" if prey else NOBODY
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
    """A worker whose clock is an hour off; the S3 refuses its signatures."""
    if LIBFAKETIME is None:
        return "left out: Debian's faketime is not installed"
    name, offset = str(step.parameters["worker"]), str(step.parameters["offset"])
    wrong = {"LD_PRELOAD": str(LIBFAKETIME), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with _running_as(site, name, wrong):
        site.sleep(step.seconds)
        said = site.until(lambda: _says_that_its_clock_is_wrong(site), ARMED_SECONDS)
    site.history.note("nemesis", "said_unwell" if said else "kept_quiet", process=name)
    return f"{name} {'said' if said else 'did not say'} that it is unwell"


def _says_that_its_clock_is_wrong(site: Site) -> bool:
    with contextlib.suppress(*DatabaseAway):
        return bool(site.ledger.rows("SELECT name FROM workers WHERE problem ILIKE '%%clock%%'"))
    return False


def previous_version(site: Site, step: Step) -> str:
    """One of the two workers is of another commit (PREVIOUS=ref)."""
    with _running_as(site, "worker-2", {"PYTHONPATH": str(_checked_out(site.folder, site.previous))}):
        site.sleep(step.seconds)
        site.until(lambda: _finished_by(site, "worker-2") > 0, WORK_SECONDS)
        finished = _finished_by(site, "worker-2")
    return f"worker-2 was of {site.previous} and finished {finished} clips"


def _finished_by(site: Site, name: str) -> int:
    """How many jobs the present processes of a worker have committed."""
    pids: set[int | None] = set()
    with contextlib.suppress(psutil.Error):
        pids = {child.pid for child in psutil.Process(site.keeper.pids().get(name)).children()}
    with contextlib.suppress(*DatabaseAway):
        committed = site.ledger.rows("SELECT owner FROM seen_jobs WHERE state = 'succeeded'")
        return sum(pid_of(row["owner"]) in pids for row in committed)
    return 0


@contextmanager
def _running_as(site: Site, name: str, environment: dict[str, str]) -> Iterator[None]:
    """Run a process under another environment; one at a time, so that none becomes the ordinary one."""
    with SWAPPING:
        pid = site.keeper.pids().get(name)
        try:
            site.keeper.keep(site.unit(name, **environment))
            site.until(lambda: site.keeper.pids().get(name, pid) != pid, ARMED_SECONDS)
            yield
        finally:
            site.keeper.keep(site.unit(name))


def _checked_out(folder: Path, ref: str) -> Path:
    """The platform's packages as of a commit; the repository is not touched."""
    target = folder / "previous"
    if not target.exists():
        target.mkdir()
        archive = subprocess.run(["git", "archive", ref, "app", "tasks"], cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "--extract"], cwd=target, input=archive.stdout, check=True)
    return target


def two_reapers(site: Site, step: Step) -> str:
    """Two more upkeep processes that hardly rest, all after the job of one dead worker."""
    restless = {"UPKEEP_INTERVAL_SECONDS": "0.02"}
    names = ("upkeep-1-restless", "upkeep-2-restless")
    try:
        for name in names:
            site.keeper.keep(site.unit(name, program="upkeep", **restless))
        told = kill_worker(site, Step(step.at, step.fault, step.seconds, {"stage": "encode"}))
        site.sleep(site.pace.lease)
    finally:
        for name in names:
            site.keeper.drop(name)
    return told
