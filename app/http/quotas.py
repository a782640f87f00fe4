"""What is left of a rate limit, and the response headers that say so (draft-ietf-httpapi-ratelimit-headers-11)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.http.errors import TooManyRequests

ENVIRON_KEY = "rising_stars.quotas"


@dataclass(frozen=True, slots=True)
class Quota:
    """A rate limit after a request was counted. `reset_seconds` is when more of it becomes available."""

    purpose: str
    amount: int
    window_seconds: int
    remaining: int
    reset_seconds: int
    is_within: bool

    def require(self) -> None:
        """Raise `TooManyRequests` if the request exceeded the limit."""
        if not self.is_within:
            raise TooManyRequests(self.reset_seconds)


def announce(environ: dict[str, Any], quota: Quota) -> None:
    """Have the response to this request say what is left of a limit."""
    environ.setdefault(ENVIRON_KEY, []).append(quota)


def announced(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the headers of the response to this request."""
    return quota_headers(environ.get(ENVIRON_KEY, ()))


def quota_headers(quotas: Iterable[Quota]) -> list[tuple[str, str]]:
    """Return the headers RateLimit-Policy and RateLimit, with an item for each limit; none without a limit."""
    listed = list(quotas)
    if not listed:
        return []
    policies = (f'"{quota.purpose}";q={quota.amount};w={quota.window_seconds}' for quota in listed)
    left = (f'"{quota.purpose}";r={quota.remaining};t={quota.reset_seconds}' for quota in listed)
    return [("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(left))]
