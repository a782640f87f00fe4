"""Bulkheads: slow kinds of requests have threads of their own, so that they never occupy the threads of all others.

A sign-in waits for one of the few hashing threads, and an upload for MediaInfo and the store. If they shared the other
requests' threads, fifty clients that sign in at once would stop the ranking.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter
from waitress.task import ThreadedTaskDispatcher

from app.api.admission import CHECKS
from app.api.connections import NoThread
from app.api.health import MONITORING_PATHS

WAITING_PER_THREAD = 8
"""How many requests may wait for each thread. If more waited, their responses would come too late to be useful."""


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """One kind of request, and the number of threads that process it."""

    name: str
    paths: frozenset[str]
    """The paths that receive this kind as POST: the API's, and the page's."""
    threads: int


UPLOADS = Bulkhead("uploads", frozenset({"/api/videos/upload", "/me/upload"}), threads=8)
BULKHEADS = (
    # Twice as many as hash passwords at once, so that the hashing threads need not wait for the database.
    Bulkhead("sign_ins", frozenset({"/api/auth/login", "/signin"}), threads=4),
    Bulkhead("sign_ups", frozenset({"/api/auth/signup", "/signup"}), threads=2),
    UPLOADS,
)
OTHERS = "others"


class ThreadPool(ThreadedTaskDispatcher):  # type: ignore[misc]
    """waitress' own dispatcher, with a name and a bound."""

    def __init__(self, name: str, threads: int) -> None:
        super().__init__()
        self.name = name
        self._most_waiting = WAITING_PER_THREAD * threads
        self.set_thread_count(threads)

    @property
    def is_full(self) -> bool:
        """Whether as many requests are waiting as may wait."""
        return len(self.queue) >= self._most_waiting


class BulkheadDispatcher:
    """The task dispatcher of the server: a pool for each bulkhead, one for all other requests, and one for errors.

    A request for which its pool has no room gets 503 with Retry-After. A separate thread sends these errors, because
    all threads of the pool may be busy.
    """

    def __init__(self, threads: int, refused: Counter) -> None:
        self._pools = {one.name: ThreadPool(one.name, one.threads) for one in BULKHEADS}
        self._by_path = {path: self._pools[one.name] for one in BULKHEADS for path in one.paths}
        self._others = ThreadPool(OTHERS, threads)
        self._errors = ThreadPool("errors", 1)
        self._refused = refused

    @property
    def waiting(self) -> int:
        """The number of requests that wait for a thread."""
        return sum(len(pool.queue) for pool in self._all())

    def add_task(self, channel: Any) -> None:
        """Queue the channel's next request for the pool that processes it, or refuse the request."""
        request = channel.requests[0]
        if request.error is not None:
            self._errors.add_task(channel)
            return
        # The path as the application sees it (waitress' WSGITask and app.api.application).
        path = f"/{request.path.strip('/')}"
        pool = self._by_path.get(path, self._others) if request.command == "POST" else self._others
        # Nginx asks before it reads an upload's body. So a client learns that there is no room before it sends a clip.
        needed = (pool, self._uploads) if path in CHECKS else (pool,)
        full = next((one for one in needed if one.is_full), None)
        if full is not None and path not in MONITORING_PATHS:
            self._refused.labels(full.name).inc()
            request.error = NoThread("The platform is overloaded right now; try again shortly.")
            pool = self._errors
        pool.add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> None:  # noqa: FBT001, FBT002 (waitress' own)
        """Stop all threads within `timeout` seconds; waitress calls this when the server's loop ends."""
        deadline = time.monotonic() + timeout
        for pool in self._all():
            pool.set_thread_count(0)
        for pool in self._all():
            pool.shutdown(cancel_pending, max(0, deadline - time.monotonic()))

    @property
    def _uploads(self) -> ThreadPool:
        return self._pools[UPLOADS.name]

    def _all(self) -> Iterator[ThreadPool]:
        yield from (*self._pools.values(), self._others, self._errors)
