"""Rate limits per account and address, counted in Redis (in memory when embedded).

While Redis is unavailable, each process counts requests in its own memory. The effective limit is then the configured
limit times the number of processes.
"""

import math
import time
from collections.abc import Callable, Sequence

import structlog
from limits.errors import StorageError
from limits.storage import RedisStorage
from prometheus_client import Counter
from redis import ConnectionPool
from redis.exceptions import RedisError

from app.http.counters import Charge, Counters, MemoryCounters, RedisCounters
from app.http.quotas import Quota

log = structlog.get_logger(__name__)

REDIS_SECONDS = 1.0
AWAY_SECONDS = 5.0
"""After Redis fails, the process does not query it for this long. Otherwise every request would wait for the time-out
while Redis hangs."""

IN_MEMORY_SECONDS = 60.0
"""How long the metric `rising_stars_limits_in_memory` stays 1 after a request was counted in memory: the watch reads it
only once a minute."""

UNAVAILABLE = (StorageError, RedisError, OSError)


class Throttle:
    """Counts requests in sliding windows, so that no client can send twice its limit around a window's boundary."""

    def __init__(self, queue_url: str, counted_in_memory: Counter) -> None:
        self._shared = _counters(queue_url)
        self._own = MemoryCounters()
        self._counted_in_memory = counted_in_memory
        self._away_until = -math.inf
        self._in_memory_until = -math.inf

    def take(self, charges: Sequence[Charge]) -> list[Quota]:
        """Count a request for each of its limits, in order, up to the first that it exceeds. Return their quotas."""
        return self._ask(lambda counters: counters.take(charges))

    def check(self, charges: Sequence[Charge]) -> None:
        """Check that one more request would be within its limits, without counting it.

        Raises:
            TooManyRequests: the request would exceed a limit.
        """
        for quota in self._ask(lambda counters: counters.look(charges)):
            quota.require()

    def forgive(self, charge: Charge) -> None:
        """Reset a counter after a success, which shows that the attempts before it were no attack."""
        self._own.clear(charge)
        if self._is_away():
            return
        try:
            self._shared.clear(charge)
        except UNAVAILABLE as error:
            log.warning("limit_not_cleared", purpose=charge.purpose, error=str(error))

    def is_in_memory(self) -> bool:
        """Whether Redis was unavailable in the last minute, so that this process counted requests in its own memory."""
        return time.monotonic() < self._in_memory_until

    def _ask(self, question: Callable[[Counters], list[Quota]]) -> list[Quota]:
        if not self._is_away():
            try:
                return question(self._shared)
            except UNAVAILABLE as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                log.warning("limits_in_memory", seconds=AWAY_SECONDS, error=str(error))
        self._in_memory_until = time.monotonic() + IN_MEMORY_SECONDS
        self._counted_in_memory.inc()
        return question(self._own)

    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until


def _counters(queue_url: str) -> Counters:
    if not queue_url.startswith(("redis://", "rediss://")):
        return MemoryCounters()
    pool = ConnectionPool.from_url(queue_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    return RedisCounters(RedisStorage(queue_url, connection_pool=pool, wrap_exceptions=True))
