"""`rising-stars-upkeep`: the maintenance loop, which runs beside each worker. Any number of instances may run.

Each pass rescues the jobs of dead workers, rings the doorbell for due jobs without a recent ring, logs the backlog, and
sends the metrics. At longer intervals, a pass also starts the sweeps of unneeded files, rows and objects.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog
import typer

from app.config import ConfigurationError, Settings, load_settings
from app.db.database import database, read_now
from app.logs import configure_logging
from app.operations.cities import refold_city_keys
from app.operations.measuring import measure, measure_backlog
from app.operations.presence import forget_silent
from app.operations.sweeping import sweep_objects, sweep_rows, sweep_work_dir
from app.operations.verification import sweep_verification_accounts
from app.services import build_cloudwatch, build_services
from app.showcase.ledger.outbox import mark_redispatched
from app.showcase.ledger.reaper import reap
from app.storage.s3 import S3Store
from app.telemetry.cloudwatch import CloudWatch, Metric, MetricsNotSent
from tasks.doorbell import HueyDoorbell

log = structlog.get_logger(__name__)


DATABASE_CONNECTIONS = 2
"""One for each thread that uses the database: one runs the loop, and one runs the sweeps."""


class Upkeep:
    """The steps of the upkeep loop, and when they last ran."""

    def __init__(
        self, store: S3Store, doorbell: HueyDoorbell, settings: Settings, cloudwatch: CloudWatch | None = None
    ) -> None:
        self._store = store
        self._doorbell = doorbell
        self._settings = settings
        self._cloudwatch = cloudwatch
        self._measured_at: float | None = None
        self._reaped_at: float | None = None
        self._swept_at: float | None = None
        self._sweeper: threading.Thread | None = None

    def make_pass(self) -> None:
        """Run every step once, and start the sweeps if they are due. A failed step is logged and retried next time."""
        now = time.monotonic()
        steps: list[Callable[[], None]] = [self._reap, self._redispatch, self._report, self._push_metrics]
        for step in steps:
            self._attempt(step)
        database.close()
        sweeping = self._sweeper is not None and self._sweeper.is_alive()
        due = self._swept_at is None or now - self._swept_at >= self._settings.sweep_interval_seconds
        if due and not sweeping:
            self._swept_at = now
            self._sweeper = threading.Thread(target=self._sweep, name="sweep", daemon=True)
            self._sweeper.start()

    def _sweep(self) -> None:
        """Run the sweeps. They have their own thread, so that an unresponsive store does not delay rescues."""
        for step in (self._refold_city_keys, self._sweep_rows, self._sweep_files, self._sweep_objects):
            self._attempt(step)
        database.close()

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            log.exception("upkeep_step_failed", step=step.__name__.strip("_"))
            database.close()

    def _reap(self) -> None:
        """Rescue the jobs of dead workers.

        If upkeep last read from the database long ago, this machine or the database may have been suspended. Live
        workers may then have been unable to extend their leases, so rescue nothing in this pass.
        """
        began, before = time.monotonic(), self._reaped_at
        read_now()
        self._reaped_at = time.monotonic()
        if before is not None and began - before > self._patience_seconds:
            log.info("reaper_overslept", seconds=round(began - before, 1))
            return
        rescued = reap(self._settings)
        if rescued:
            log.warning("jobs_rescued", count=rescued)

    @property
    def _patience_seconds(self) -> float:
        """`_reap` rescues jobs only if the last database read is at most this old; by default, 30 s."""
        return max(2 * self._settings.upkeep_interval_seconds, self._settings.lease_seconds / 2)

    def _redispatch(self) -> None:
        redispatched = mark_redispatched(self._settings)
        for _ in range(min(redispatched, self._settings.workers)):
            self._doorbell.ring()
        if redispatched:
            log.info("jobs_redispatched", count=redispatched)

    def _report(self) -> None:
        backlog = measure_backlog()
        log.info(
            "backlog",
            due=backlog.due,
            oldest_due_seconds=round(backlog.oldest_due_seconds, 1),
            **backlog.by_state,
        )

    def _push_metrics(self) -> None:
        """Send the metrics. The alarms rely on their names and units (roles/aws_monitoring/README.md)."""
        if self._cloudwatch is None:
            return
        figures = measure(self._measured_at)
        # Return the connection to the pool first, because the call to AWS may block for a long time.
        database.close()
        self._measured_at = figures.measured_at
        try:
            self._cloudwatch.push(
                [
                    Metric("QueueAgeSeconds", "Seconds", [figures.queue_age]),
                    Metric("BacklogPerWorker", "Count", [figures.backlog_per_worker]),
                    Metric("FailedJobs", "Count", [figures.failed_jobs]),
                    Metric("RenderSeconds", "Seconds", figures.renders),
                    Metric("WorkerHeartbeat", "Count", [figures.healthy_workers]),
                ]
            )
        except MetricsNotSent as error:
            log.warning("metrics_not_sent", error=str(error))

    def _refold_city_keys(self) -> None:
        log.info("city_keys_refolded", count=refold_city_keys())

    def _sweep_rows(self) -> None:
        log.info("rows_swept", count=sweep_rows() + forget_silent() + sweep_verification_accounts())

    def _sweep_files(self) -> None:
        log.info("files_swept", count=sweep_work_dir(self._settings))

    def _sweep_objects(self) -> None:
        log.info("objects_swept", count=sweep_objects(self._store, self._settings))


def run() -> None:
    """Maintain the job ledger until SIGTERM or SIGINT. All settings come from the environment."""
    try:
        settings = load_settings(Settings)
    except ConfigurationError as error:
        typer.echo(f"rising-stars-upkeep cannot start:\n{error}", err=True)
        raise typer.Exit(2) from None
    configure_logging(settings)
    services = build_services(settings, database_connections=DATABASE_CONNECTIONS)
    upkeep = Upkeep(services.store, HueyDoorbell(settings), settings, build_cloudwatch(settings))
    stop = threading.Event()

    def leave(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    while not stop.is_set():
        upkeep.make_pass()
        stop.wait(settings.upkeep_interval_seconds)


def main() -> None:
    """Run the console command."""
    typer.run(run)
