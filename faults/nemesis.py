"""Inject the faults of a schedule, and record what each one did."""

import contextlib
import threading
import traceback
from collections.abc import Callable, Sequence

from faults import machine_faults, server_faults, store_faults, worker_faults
from faults.ledger import DatabaseUnavailable
from faults.schedule import Step
from faults.site import Site
from faults.visitors import poison_clip

Fault = Callable[[Site, Step], str]
"""A function that injects a fault, waits, heals the fault even after an error, and returns what happened."""

FAULTS: dict[str, Fault] = {
    "kill_worker": worker_faults.kill_worker,
    "stop_worker": worker_faults.stop_worker,
    "kill_consumer": worker_faults.kill_consumer,
    "kill_ffmpeg": worker_faults.kill_ffmpeg,
    "hang_ffmpeg": worker_faults.hang_ffmpeg,
    "crash_ffmpeg": worker_faults.crash_ffmpeg,
    "worker_stopped": worker_faults.stop_by_signal,
    "poison_clip": poison_clip,
    "redis_kill": server_faults.redis_kill,
    "redis_flush": server_faults.redis_flush,
    "redis_refuses_writes": server_faults.redis_refuses_writes,
    "redis_slow": server_faults.redis_slow,
    "doorbells": server_faults.doorbells,
    "postgres_restart": server_faults.postgres_restart,
    "postgres_terminate": server_faults.postgres_terminate,
    "postgres_slow_commits": server_faults.postgres_slow_commits,
    "postgres_answer_lost": server_faults.postgres_answer_lost,
    "postgres_refused": server_faults.postgres_refused,
    "s3_errors": store_faults.s3_errors,
    "s3_hangs": store_faults.s3_hangs,
    "s3_resets": store_faults.s3_resets,
    "s3_loses_puts": store_faults.s3_loses_puts,
    "api_killed_before_ring": machine_faults.api_killed_before_ring,
    "api_killed_in_upload": machine_faults.api_killed_in_upload,
    "api_stopped": machine_faults.api_stopped,
    "disk_full": machine_faults.disk_full,
    "clock_wrong": machine_faults.clock_wrong,
    "two_reapers": machine_faults.two_reapers,
    "previous_version": machine_faults.previous_version,
}


CALM_SECONDS = 40.0
STANDING_STILL = """
SELECT video
FROM (SELECT DISTINCT ON (video) video, state FROM seen_jobs WHERE at <= %s ORDER BY video, n DESC) AS healed
WHERE state IN ('queued', 'running')
  AND NOT EXISTS (SELECT FROM seen_jobs AS later WHERE later.video = healed.video AND later.at > %s)"""
"""Jobs that were unfinished at a given time and have had no transition since."""


class Nemesis:
    """Starts each fault at its time in its own thread, because faults may overlap."""

    def __init__(self, site: Site, steps: Sequence[Step]) -> None:
        self._site = site
        self._steps = steps
        self.broken: list[str] = []
        """Faults that could not be injected because of an error in the harness."""

    def run(self) -> None:
        """Inject all faults of the schedule, and return when the last one is healed."""
        began, threads = self._site.history.now, list[threading.Thread]()
        for step in self._steps:
            self._site.sleep(max(0.0, began + step.at - self._site.history.now))
            if self._site.over.is_set():
                break
            threads.append(threading.Thread(target=self._inject, args=(step,), name=step.fault, daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def run_one_at_a_time(self) -> None:
        """Inject one fault at a time. Ignore the schedule's times; after each fault, wait for the site to recover."""
        for step in self._steps:
            if not self._site.over.is_set():
                self._inject(step)
                self._site.until(self._has_recovered(self._site.history.now), CALM_SECONDS)

    def _has_recovered(self, healed: float) -> Callable[[], bool]:
        """Return a function that checks whether each job that was unfinished at `healed` has had a transition since."""
        wall = self._site.history.wall_epoch + healed

        def recovered() -> bool:
            with contextlib.suppress(*DatabaseUnavailable):
                return not self._site.ledger.rows(STANDING_STILL, wall, wall)
            return False

        return recovered

    def _inject(self, step: Step) -> None:
        note, about = self._site.history.note, {"fault": step.fault, **step.parameters}
        began = note("nemesis", "begin", **about)["mono"]
        try:
            happened = FAULTS[step.fault](self._site, step)
        except Exception:  # noqa: BLE001 (the report shows it, and the run continues)
            happened = "could not be injected"
            self.broken.append(f"{step.fault}: {traceback.format_exc()}")
        note("nemesis", "heal", happened=happened, began=began, **about)
