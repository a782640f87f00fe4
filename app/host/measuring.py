"""Telling CloudWatch how full this machine is, each minute, whatever else it does."""

import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from app.host.kinds import Kind
from app.telemetry.cloudwatch import CloudWatch, Metric, MetricsNotSent
from app.telemetry.machine import disk_used_percent, memory_used_percent

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0


def measure(kind: Kind, folders: Sequence[Path]) -> list[Metric]:
    """The two figures, under the kind of machine that alarms know."""
    of_kind = {"Kind": kind.group}
    there = [folder for folder in folders if folder.exists()] or [Path("/")]
    return [
        Metric("DiskUsedPercent", "Percent", [disk_used_percent(there)], of_kind),
        Metric("MemoryUsedPercent", "Percent", [memory_used_percent()], of_kind),
    ]


def measure_forever(cloudwatch: CloudWatch, kind: Kind, folders: Sequence[Path]) -> None:
    """Measure in a thread of its own, as long as the process lives: an AWS that hangs must not delay anything else."""

    def go_on() -> None:
        while True:
            try:
                cloudwatch.push(measure(kind, folders))
            except (MetricsNotSent, OSError) as error:
                log.warning("metrics_not_sent", error=str(error))
            pause.wait(EVERY_SECONDS)

    pause = threading.Event()
    threading.Thread(target=go_on, name="measure", daemon=True).start()
