"""Faults of workers and their FFmpeg processes."""

import contextlib
import os
import signal
from collections.abc import Callable

import psutil

from faults.breakpoints import Cost, Target
from faults.schedule import Step
from faults.shim import Order
from faults.site import Site

ARMED_SECONDS = 10.0
"""How long a breakpoint waits for a job."""

STOP_SECONDS = 8.0
"""How long a stopping worker may run after its drain time. On a host, systemd allows more: see TimeoutStopSec."""

NO_JOB = "no job came by"


def kill_worker(site: Site, step: Step) -> str:
    """SIGKILL the process that holds the lease, at an exact stage."""
    stage = str(step.parameters["stage"])
    return _strike(site, stage, lambda target: _signal(target.pid, signal.SIGKILL), cost="worker")


def stop_worker(site: Site, step: Step) -> str:
    """SIGSTOP the worker until its lease has expired and another worker could have claimed its job, then SIGCONT it."""
    stopped: list[int] = []

    def freeze(target: Target) -> None:
        family = [child.pid for child in target.children()] if step.parameters["ffmpeg_too"] == "yes" else []
        for pid in (target.pid, *family):
            stopped.append(pid)
            _signal(pid, signal.SIGSTOP)

    try:
        happened = _strike(site, "encode", freeze, cost="worker")
        if stopped:
            site.sleep(max(step.seconds, site.pace.lease + 2 * site.pace.upkeep))
    finally:
        for pid in stopped:
            _signal(pid, signal.SIGCONT)
    return happened


def kill_consumer(site: Site, _step: Step) -> str:
    """SIGKILL only the consumer's main process, while its child process renders."""

    def orphan(target: Target) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            _signal(psutil.Process(target.pid).ppid(), signal.SIGKILL)

    return _strike(site, "encode", orphan, cost="worker")


def kill_ffmpeg(site: Site, _step: Step) -> str:
    """SIGKILL the FFmpeg process that encodes the clip."""

    def end(target: Target) -> None:
        for child in target.children():
            _signal(child.pid, signal.SIGKILL)

    return _strike(site, "encode", end, cost="attempt")


def hang_ffmpeg(site: Site, _step: Step) -> str:
    """FFmpeg hangs."""
    return _order(site, "hang")


def crash_ffmpeg(site: Site, _step: Step) -> str:
    """FFmpeg crashes with SIGSEGV, once."""
    return _order(site, "crash")


def stop_by_signal(site: Site, step: Step) -> str:
    """SIGTERM a consumer: it finishes or returns its job in time, and is restarted."""
    name = str(step.parameters["worker"])
    pid = site.keeper.pids().get(name)
    site.keeper.signal(name, signal.SIGTERM)
    within = site.pace.drain + STOP_SECONDS
    ended = site.until(lambda: site.keeper.pids().get(name) != pid, within)
    if not ended:
        site.history.note("nemesis", "overdue", process=name, pid=pid, seconds=within)
    return "ended in time" if ended else f"had not ended after {within:g} s"


def _order(site: Site, order: Order) -> str:
    """When a worker claims a job that may still be struck, leave an order for its next FFmpeg process."""
    return _strike(site, "claimed", lambda target: site.shim.order(target.pid, order), cost="attempt")


def _strike(site: Site, stage: str, act: Callable[[Target], None], *, cost: Cost) -> str:
    target = site.breakpoints.strike(stage, act, cost=cost, seconds=ARMED_SECONDS)
    return f"struck video {target.video} in process {target.pid}" if target else NO_JOB


def _signal(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)
