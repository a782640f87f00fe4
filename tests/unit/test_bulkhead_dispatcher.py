"""When the server stops while requests are in progress, all pools of threads stop within one time-out."""

import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace

from prometheus_client import Counter

from app.api.bulkheads import BULKHEADS, BulkheadDispatcher

TIMEOUT_SECONDS = 1.0


@dataclass
class BusyChannel:
    """A connection whose request does not end until the test ends it."""

    method: str
    path: str
    over: threading.Event
    begun: threading.Semaphore

    @property
    def requests(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(command=self.method, path=self.path, error=None)]

    def service(self) -> None:
        self.begun.release()
        self.over.wait(30)


def test_busy_pools_stop_at_the_same_time_and_not_one_after_the_other() -> None:
    dispatcher = BulkheadDispatcher(1, Counter("refused", "Refused requests", ["kind"], registry=None))
    over, begun = threading.Event(), threading.Semaphore(0)
    requests = [*(("POST", min(one.paths)) for one in BULKHEADS), ("GET", "/api/public/rankings")]
    try:
        for method, path in requests:
            dispatcher.add_task(BusyChannel(method, path, over, begun))
        assert all(begun.acquire(timeout=30) for _ in requests)
        began = time.monotonic()
        dispatcher.shutdown(timeout=TIMEOUT_SECONDS)
        assert time.monotonic() - began < 2.5 * TIMEOUT_SECONDS
    finally:
        over.set()
