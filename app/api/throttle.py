"""Limits per account and address, kept in Redis (in memory when embedded). They fail open, and count that."""

import math
import time

import structlog
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import Counter
from redis import ConnectionPool
from redis.exceptions import RedisError

from app.api.errors import TooManyRequests

log = structlog.get_logger(__name__)

REDIS_SECONDS = 1.0
BLIND_SECONDS = 5.0
"""After a failure nobody is counted for so long: a store that hangs must not cost every request its time-out."""

UNAVAILABLE = (StorageError, RedisError, OSError)


class Throttle:
    """Counts hits; the windows slide, so a limit cannot be doubled around the full minute."""

    def __init__(self, queue_url: str, failed_open: Counter) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(_storage(queue_url))
        self._failed_open = failed_open
        self._blind_until = 0.0

    def hit(self, limit: str, purpose: str, who: str) -> None:
        """Count one act of `who`.

        Raises:
            TooManyRequests: the limit is reached; it says when to come back.
        """
        if time.monotonic() < self._blind_until:
            self._failed_open.inc()
            return
        item = parse(limit)
        try:
            if self._limiter.hit(item, purpose, who):
                return
            retry_after = self._retry_after(item, purpose, who)
        except UNAVAILABLE as error:
            self._blind_until = time.monotonic() + BLIND_SECONDS
            self._failed_open.inc()
            log.warning("limit_failed_open", purpose=purpose, error=str(error))
            return
        raise TooManyRequests(retry_after)

    def forgive(self, limit: str, purpose: str, who: str) -> None:
        """Forget what was counted: the act went well, so it was no attack."""
        if time.monotonic() < self._blind_until:
            return
        try:
            self._limiter.clear(parse(limit), purpose, who)
        except UNAVAILABLE as error:
            log.warning("limit_not_cleared", purpose=purpose, error=str(error))

    def _retry_after(self, item: RateLimitItem, purpose: str, who: str) -> int:
        reset = self._limiter.get_window_stats(item, purpose, who).reset_time
        return max(1, math.ceil(reset - time.time()))


def _storage(queue_url: str) -> Storage:
    if not queue_url.startswith(("redis://", "rediss://")):
        return MemoryStorage()
    pool = ConnectionPool.from_url(queue_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    return RedisStorage(queue_url, connection_pool=pool, wrap_exceptions=True)
