"""Check that an API commits a job before it sends the doorbell message for that job to Redis."""

import contextlib
import threading

from faults.ledger import DatabaseUnavailable
from faults.lines import Link, Watcher
from faults.site import Site

RING = b"ZADD"


class BellWatch:
    """Counts the doorbell messages of the APIs and compares them with the committed jobs.

    An API rings once for each job, so there must never be more rings than jobs. The check runs in the TCP proxy between
    the API and Redis, before the proxy forwards the ring.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rings = 0
        self._lock = threading.Lock()
        for api in site.api_urls:
            site.line(api, "redis").watch("outgoing", self._watcher(api))

    def _watcher(self, api: str) -> Watcher:
        def look(_link: Link, data: bytes) -> None:
            if RING in data:
                self._compare(api)

        return look

    def _compare(self, api: str) -> None:
        with self._lock, contextlib.suppress(*DatabaseUnavailable):
            jobs = int(self._site.ledger.rows("SELECT count(*) AS n FROM jobs")[0]["n"])
            self._rings += 1
            if self._rings > jobs:
                self._site.history.note("bells", "early_ring", api=api, rings=self._rings, jobs=jobs)
