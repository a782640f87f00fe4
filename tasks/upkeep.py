"""`rising-stars-upkeep`: the loop beside each consumer that heals the ledger and clears up. Safe in any number.

Each pass: rescue the jobs of dead workers, ring for due jobs nobody was rung for, report the backlog; now
and then sweep what nothing refers to.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog
import typer

from app.config import ConfigurationError, Settings, load_settings
from app.db.database import database
from app.logs import configure_logging
from app.services import build_services
from app.showcase import jobs
from app.showcase.sweeping import sweep_objects, sweep_rows, sweep_work_dir
from app.storage.s3 import S3Store
from tasks.doorbell import HueyDoorbell

log = structlog.get_logger(__name__)

OVERSLEPT_SECONDS = 30.0
"""A reaper that slept longer (a suspended machine, a paused process) lets living workers beat first."""


class Upkeep:
    """The loop's state and its steps."""

    def __init__(self, store: S3Store, doorbell: HueyDoorbell, settings: Settings) -> None:
        self._store = store
        self._doorbell = doorbell
        self._settings = settings
        self._last_pass: float | None = None
        self._swept_at: float | None = None

    def make_pass(self) -> None:
        """Every step once. A step that fails is logged and tried again in the next pass."""
        now = time.monotonic()
        overslept = self._last_pass is not None and now - self._last_pass > self._patience
        self._last_pass = now
        steps: list[Callable[[], None]] = [] if overslept else [self._reap]
        steps += [self._redispatch, self._report]
        if self._swept_at is None or now - self._swept_at >= self._settings.sweep_interval_seconds:
            self._swept_at = now
            steps += [self._sweep_rows, self._sweep_files, self._sweep_objects]
        for step in steps:
            self._attempt(step)
        database.close()

    @property
    def _patience(self) -> float:
        return max(OVERSLEPT_SECONDS, 2 * self._settings.upkeep_interval_seconds)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            log.exception("upkeep_step_failed", step=step.__name__.strip("_"))
            database.close()

    def _reap(self) -> None:
        rescued = jobs.reap(self._settings)
        if rescued:
            log.warning("jobs_rescued", count=rescued)

    def _redispatch(self) -> None:
        unheard = jobs.mark_redispatched(self._settings)
        for _ in range(min(unheard, self._settings.workers)):
            self._doorbell.ring()
        if unheard:
            log.info("jobs_redispatched", count=unheard)

    def _report(self) -> None:
        backlog = jobs.measure_backlog()
        log.info(
            "backlog",
            due=backlog.due,
            oldest_due_seconds=round(backlog.oldest_due_seconds, 1),
            **backlog.by_state,
        )

    def _sweep_rows(self) -> None:
        log.info("rows_swept", count=sweep_rows())

    def _sweep_files(self) -> None:
        log.info("files_swept", count=sweep_work_dir(self._settings))

    def _sweep_objects(self) -> None:
        log.info("objects_swept", count=sweep_objects(self._store, self._settings))


def run() -> None:
    """Look after the ledger until told to stop. All settings come from the environment."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        typer.echo(f"rising-stars-upkeep cannot start:\n{error}", err=True)
        raise typer.Exit(2) from None
    configure_logging(settings)
    services = build_services(settings, threads=1)
    upkeep = Upkeep(services.store, HueyDoorbell(settings), settings)
    stop = threading.Event()

    def leave(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    while not stop.is_set():
        upkeep.make_pass()
        stop.wait(settings.upkeep_interval_seconds)


def main() -> None:
    """Console entry."""
    typer.run(run)
