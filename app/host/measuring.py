"""Sends this machine's metrics to CloudWatch every minute, independently of its other work."""

import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from app.host.kinds import Kind
from app.telemetry.cloudwatch import CloudWatch, Metric, MetricsNotSent
from app.telemetry.machine import disk_used_percent, memory_used_percent
from app.telemetry.processes import URL, highest_figure

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0


def measure(kind: Kind, folders: Sequence[Path], *, processes_url: str = URL) -> list[Metric]:
    """Return this machine's metrics, with its kind as the dimension that alarms use."""
    of_kind = {"Kind": kind.group}
    existing = [folder for folder in folders if folder.exists()] or [Path("/")]
    return [
        Metric("DiskUsedPercent", "Percent", [disk_used_percent(existing)], of_kind),
        Metric("MemoryUsedPercent", "Percent", [memory_used_percent()], of_kind),
        Metric("LimitsInMemory", "Count", _limits_in_memory(kind, processes_url), of_kind),
    ]


def _limits_in_memory(kind: Kind, processes_url: str) -> list[float]:
    """Return `[1.0]` if an API process of this web machine counts requests in memory because Redis is unavailable.

    Otherwise return `[0.0]`. Return an empty list for machines of other kinds, and when no process responds.
    """
    found = highest_figure("rising_stars_limits_in_memory", url=processes_url) if kind is Kind.WEB else None
    return [] if found is None else [found]


def measure_forever(cloudwatch: CloudWatch, kind: Kind, folders: Sequence[Path], *, processes_url: str = URL) -> None:
    """Send metrics in a daemon thread, so that a hanging call to AWS does not delay the rest of the process."""

    def loop() -> None:
        while True:
            try:
                cloudwatch.push(measure(kind, folders, processes_url=processes_url))
            except (MetricsNotSent, OSError) as error:
                log.warning("metrics_not_sent", error=str(error))
            pause.wait(EVERY_SECONDS)

    pause = threading.Event()
    threading.Thread(target=loop, name="measure", daemon=True).start()
