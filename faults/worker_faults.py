"""What befalls workers and their FFmpeg."""

import contextlib
import os
import signal
from collections.abc import Callable

import psutil

from faults.hunter import Cost, Prey
from faults.schedule import Step
from faults.shim import Order
from faults.site import Site

ARMED_SECONDS = 10.0
"""How long a trap waits for a job to come by."""

STOP_SECONDS = 8.0
"""Beyond its drain time a stopping worker may take so long: TimeoutStopSec allows it more."""

NOBODY = "no job came by"


def kill_worker(site: Site, step: Step) -> str:
    """SIGKILL the process that holds the lease, at an exact stage."""
    stage = str(step.parameters["stage"])
    return _strike(site, stage, lambda prey: _signal(prey.pid, signal.SIGKILL), cost="worker")


def stop_worker(site: Site, step: Step) -> str:
    """SIGSTOP it until its lease has run out and somebody else may have its job, then SIGCONT."""
    stopped: list[int] = []

    def freeze(prey: Prey) -> None:
        family = [child.pid for child in prey.children()] if step.parameters["ffmpeg_too"] == "yes" else []
        for pid in (prey.pid, *family):
            stopped.append(pid)
            _signal(pid, signal.SIGSTOP)

    try:
        told = _strike(site, "encode", freeze, cost="worker")
        if stopped:
            site.sleep(max(step.seconds, site.pace.lease + 2 * site.pace.upkeep))
    finally:
        for pid in stopped:
            _signal(pid, signal.SIGCONT)
    return told


def kill_consumer(site: Site, _step: Step) -> str:
    """SIGKILL the consumer's parent alone, while its child renders."""

    def orphan(prey: Prey) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            _signal(psutil.Process(prey.pid).ppid(), signal.SIGKILL)

    return _strike(site, "encode", orphan, cost="worker")


def kill_ffmpeg(site: Site, _step: Step) -> str:
    """SIGKILL the encoding FFmpeg."""

    def end(prey: Prey) -> None:
        for child in prey.children():
            _signal(child.pid, signal.SIGKILL)

    return _strike(site, "encode", end, cost="attempt")


def hang_ffmpeg(site: Site, _step: Step) -> str:
    """FFmpeg does nothing, for ever."""
    return _order(site, "hang")


def crash_ffmpeg(site: Site, _step: Step) -> str:
    """FFmpeg dies of SIGSEGV, once."""
    return _order(site, "crash")


def stop_by_signal(site: Site, step: Step) -> str:
    """SIGTERM a consumer: it finishes or gives back within its time, and is started again."""
    name = str(step.parameters["worker"])
    pid = site.keeper.pids().get(name)
    site.keeper.signal(name, signal.SIGTERM)
    within = site.pace.drain + STOP_SECONDS
    ended = site.until(lambda: site.keeper.pids().get(name) != pid, within)
    if not ended:
        site.history.note("nemesis", "overdue", process=name, pid=pid, seconds=within)
    return "ended in its time" if ended else f"had not ended after {within:g} s"


def _order(site: Site, order: Order) -> str:
    """Give the order between claim and encoding, to the FFmpeg of a job that can bear it."""
    return _strike(site, "claimed", lambda prey: site.shim.order(prey.pid, order), cost="attempt")


def _strike(site: Site, stage: str, act: Callable[[Prey], None], *, cost: Cost) -> str:
    prey = site.hunter.strike(stage, act, cost=cost, seconds=ARMED_SECONDS)
    return f"struck video {prey.video} in process {prey.pid}" if prey else NOBODY


def _signal(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)
