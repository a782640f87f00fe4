"""Rate limits per account and address, counted in Redis (in memory when embedded).

While Redis is unavailable, each process counts requests in its own memory. The effective limit is then the configured
limit times the number of processes.
"""

import functools
import math
import threading
import time
from collections.abc import Callable

import structlog
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from prometheus_client import Counter
from redis import ConnectionPool
from redis.exceptions import RedisError

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


class LockedMemoryStorage(MemoryStorage):
    """Stores the counts of requests in memory, with a lock that admits one thread at a time.

    MemoryStorage itself starts a timer without a lock: two concurrent requests could both try to start the same timer,
    and the second would fail with RuntimeError.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a request, and return whether it is within the limit."""
        with self._lock:
            return super().acquire_sliding_window_entry(key, limit, expiry, amount)

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return four numbers: count and remaining seconds of the previous window, then of the current window."""
        with self._lock:
            return super().get_sliding_window(key, expiry)

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Delete the counts of both windows."""
        with self._lock:
            super().clear_sliding_window(key, expiry)


@functools.lru_cache(maxsize=64)
def _parse(limit: str) -> RateLimitItem:
    """Parse a limit. The settings contain only a few."""
    return parse(limit)


class Throttle:
    """Counts requests in sliding windows, so that no client can send twice its limit around a window's boundary."""

    def __init__(self, queue_url: str, counted_in_memory: Counter) -> None:
        self._shared = SlidingWindowCounterRateLimiter(_storage(queue_url))
        self._own = SlidingWindowCounterRateLimiter(LockedMemoryStorage())
        self._counted_in_memory = counted_in_memory
        self._away_until = -math.inf
        self._in_memory_until = -math.inf

    def take(self, limit: str, purpose: str, who: str) -> Quota:
        """Count one request of `who`, an account or address, if it is within the limit. Return what is left."""
        item = _parse(limit)
        return self._judge(lambda limiter: limiter.hit(item, purpose, who), item, purpose, who)

    def hit(self, limit: str, purpose: str, who: str) -> None:
        """Count one request of `who`, an account or address.

        Raises:
            TooManyRequests: the limit is exceeded; the error says when to try again.
        """
        self.take(limit, purpose, who).require()

    def check(self, limit: str, purpose: str, who: str) -> None:
        """Check that one more request of `who` would be within the limit, without counting it.

        Raises:
            TooManyRequests: the request would exceed the limit.
        """
        item = _parse(limit)
        self._judge(lambda limiter: limiter.test(item, purpose, who), item, purpose, who).require()

    def forgive(self, limit: str, purpose: str, who: str) -> None:
        """Reset the count of `who` after a success, which shows that the attempts before it were no attack."""
        item = _parse(limit)
        self._own.clear(item, purpose, who)
        if self._is_away():
            return
        try:
            self._shared.clear(item, purpose, who)
        except UNAVAILABLE as error:
            log.warning("limit_not_cleared", purpose=purpose, error=str(error))

    def is_in_memory(self) -> bool:
        """Whether Redis was unavailable in the last minute, so that this process counted requests in its own memory."""
        return time.monotonic() < self._in_memory_until

    def _judge(self, is_within: Callable[[RateLimiter], bool], item: RateLimitItem, purpose: str, who: str) -> Quota:
        def ask(limiter: RateLimiter) -> Quota:
            within = is_within(limiter)
            reset, remaining = limiter.get_window_stats(item, purpose, who)
            return Quota(
                purpose=purpose,
                amount=item.amount,
                window_seconds=item.get_expiry(),
                remaining=remaining if within else 0,
                reset_seconds=max(1, math.ceil(reset - time.time())),
                is_within=within,
            )

        return self._ask(ask)

    def _ask(self, question: Callable[[RateLimiter], Quota]) -> Quota:
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


def _storage(queue_url: str) -> Storage:
    if not queue_url.startswith(("redis://", "rediss://")):
        return LockedMemoryStorage()
    pool = ConnectionPool.from_url(queue_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    return RedisStorage(queue_url, connection_pool=pool, wrap_exceptions=True)
