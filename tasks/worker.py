"""`rising-stars-worker`: the Huey consumer, one process per render.

SIGTERM drains: no new job is begun, a running render has DRAIN_SECONDS to end and is then given back to the
ledger, uncounted. SIGINT gives back at once.
"""

import ctypes
import os
import signal

import typer
from huey.consumer import Consumer, Scheduler, Worker

from app.config import ConfigurationError, Settings, load_settings
from app.logs import configure_logging
from app.media.errors import FfmpegMissing
from app.media.ffmpeg import find_ffmpeg
from app.services import warn_of_sandbox_gaps
from tasks.broker import LISTEN_SECONDS, create_broker
from tasks.doorbell import install_bell
from tasks.render import RenderShift

PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Let the kernel end this process when the consumer is killed: an orphan would go on rendering unseen."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


class MortalWorker(Worker):  # type: ignore[misc]
    """A Huey worker that does not outlive its consumer."""

    def initialize(self) -> None:
        """Run in the new process, before its first task."""
        _die_with_parent()
        super().initialize()


class MortalScheduler(Scheduler):  # type: ignore[misc]
    """Huey's scheduler, likewise (this platform schedules nothing with it)."""

    def initialize(self) -> None:
        """Run in the new process."""
        _die_with_parent()
        super().initialize()


class RenderConsumer(Consumer):  # type: ignore[misc]
    """A consumer whose processes die with it."""

    worker_class = MortalWorker
    scheduler_class = MortalScheduler


def create_consumer(settings: Settings) -> RenderConsumer:
    """A consumer with `settings.workers` processes. Nothing is connected before they fork."""
    huey = create_broker(settings, socket_seconds=LISTEN_SECONDS)
    shift = RenderShift(settings, wait_for_stop=lambda seconds: bool(consumer.stop_flag.wait(seconds)))
    install_bell(huey, shift.work_off_due)
    huey.on_startup(name="begin_shift")(shift.begin)
    huey.on_shutdown(name="end_shift")(shift.end)
    consumer = RenderConsumer(
        huey,
        workers=settings.workers,
        worker_type="process",
        periodic=False,
        initial_delay=0.05,
        max_delay=0.1,
        health_check_interval=1,
        graceful_signal="TERM",
        shutdown_timeout=settings.drain_seconds,
    )
    return consumer


def run() -> None:
    """Render clips until told to stop. All settings come from the environment."""
    try:
        settings = load_settings(Settings)
        configure_logging(settings)
        find_ffmpeg(settings.ffmpeg_path)
        warn_of_sandbox_gaps()
    except (ConfigurationError, FfmpegMissing) as error:
        typer.echo(f"rising-stars-worker cannot start:\n{error}", err=True)
        raise typer.Exit(2) from None
    create_consumer(settings).run()


def main() -> None:
    """Console entry."""
    typer.run(run)
