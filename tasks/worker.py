"""`rising-stars-worker`: the Huey consumer, with one process for each concurrent render.

On SIGTERM the worker drains: it claims no new job, and a running render has DRAIN_SECONDS to finish. If it does not
finish in time, the worker returns the job to the ledger without using up an attempt. On SIGINT, the worker returns the
job at once.
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
    """Make the kernel kill this process when the consumer dies; otherwise, this process would continue its render."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


class MortalWorker(Worker):  # type: ignore[misc]
    """A Huey worker that does not outlive its consumer."""

    def initialize(self) -> None:
        """Tie the new process to its consumer, before the process runs its first task."""
        _die_with_parent()
        super().initialize()


class MortalScheduler(Scheduler):  # type: ignore[misc]
    """A Huey scheduler that does not outlive its consumer. The platform schedules nothing with it."""

    def initialize(self) -> None:
        """Tie the new process to its consumer."""
        _die_with_parent()
        super().initialize()


class RenderConsumer(Consumer):  # type: ignore[misc]
    """A Huey consumer whose processes die with it."""

    worker_class = MortalWorker
    scheduler_class = MortalScheduler


def create_consumer(settings: Settings) -> RenderConsumer:
    """Create a consumer with `settings.workers` processes. It opens no connection before the processes are forked."""
    huey = create_broker(settings, socket_seconds=LISTEN_SECONDS)
    shift = RenderShift(settings, wait_for_stop=lambda seconds: bool(consumer.stop_flag.wait(seconds)))
    install_bell(huey, shift.run_due_jobs)
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
    """Render clips until SIGTERM or SIGINT. All settings come from the environment."""
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
    """Run the console command."""
    typer.run(run)
