"""The metrics that /metrics serves: this process's requests and rate limits, and the state of the job ledger."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.db.database import database
from app.db.errors import NO_CONNECTION
from app.operations.measuring import measure_backlog

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "rising_stars_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "rising_stars_request_seconds",
            "Time to answer a request, by route",
            ["method", "route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.limits_open = Counter(
            "rising_stars_limits_failed_open",
            "Requests whose limits were counted in this process's memory because their store did not answer",
            registry=self.registry,
        )
        self.limits_in_memory = Gauge(
            "rising_stars_limits_in_memory",
            "1 when the store of the limits did not answer within the last minute, else 0",
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "rising_stars_request_queue_depth",
            "Requests that wait for a thread of this process",
            registry=self.registry,
        )
        self.refused = Counter(
            "rising_stars_requests_refused",
            "Requests that got 503 because as many of their kind were waiting as may wait",
            ["kind"],
            registry=self.registry,
        )
        self.registry.register(LedgerCollector())


class LedgerCollector(Collector):
    """Reads the job ledger at each scrape; yields nothing while the database is unavailable."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metrics without querying the database."""
        yield from self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Count the jobs in the ledger."""
        by_state, due, oldest = self._families()
        try:
            with database.connection_context():
                backlog = measure_backlog()
        except NO_CONNECTION:
            return
        for state, count in backlog.by_state.items():
            by_state.add_metric([state], count)
        due.add_metric([], backlog.due)
        oldest.add_metric([], backlog.oldest_due_seconds)
        yield from (by_state, due, oldest)

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily("rising_stars_jobs", "Jobs in the ledger", labels=["state"]),
            GaugeMetricFamily("rising_stars_jobs_due", "Queued jobs that could start now", labels=[]),
            GaugeMetricFamily("rising_stars_oldest_due_seconds", "How long the oldest of them has waited", labels=[]),
        )
