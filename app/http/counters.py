"""The counters of the rate limits, in Redis or in memory. Each store counts a request for several limits at once."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage

from app.http.quotas import Quota


@dataclass(frozen=True, slots=True)
class Charge:
    """One request, to be counted for one limit. `who` is the account or the address that sent it."""

    item: RateLimitItem
    purpose: str
    who: str

    @property
    def key(self) -> str:
        """The name of the counter."""
        return self.item.key_for(self.purpose, self.who)


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window: the requests in the previous and in the current fixed window.

    The seconds are those until each of the two ends. A request counts less the longer ago its fixed window was:
    https://limits.readthedocs.io/en/stable/strategies.html#sliding-window-counter.
    """

    previous: int
    previous_seconds: float
    current: int
    current_seconds: float

    def quota(self, charge: Charge, *, is_within: bool | None = None) -> Quota:
        """Return what is left of a limit. `is_within` says whether the request was counted; None, that none was."""
        seconds = charge.item.get_expiry()
        counted = math.floor(self.previous * self.previous_seconds / seconds) + self.current
        left = max(0, charge.item.amount - counted)
        return Quota(
            purpose=charge.purpose,
            amount=charge.item.amount,
            window_seconds=seconds,
            remaining=0 if is_within is False else left,
            reset_seconds=max(1, math.ceil(self._reset_seconds(seconds))),
            is_within=left > 0 if is_within is None else is_within,
        )

    def _reset_seconds(self, seconds: int) -> float:
        """Return in how many seconds the next request of the previous or the whole current window stops counting."""
        resets = []
        if self.previous:
            resets.append(self.previous_seconds % (seconds / self.previous))
        if self.current:
            resets.append(self.current_seconds % seconds)
        return min(resets, default=0)


class Counters(Protocol):
    """A store of counters."""

    def take(self, charges: Sequence[Charge]) -> list[Quota]:
        """Count a request for each limit, in order, up to the first that it exceeds. Return their quotas."""

    def look(self, charges: Sequence[Charge]) -> list[Quota]:
        """Return the quotas of a request that is not counted."""

    def clear(self, charge: Charge) -> None:
        """Reset a counter."""


class MemoryCounters:
    """Counters in the memory of this process, with a lock that admits one thread at a time.

    MemoryStorage itself starts a timer without a lock: two concurrent requests could both try to start the same timer,
    and the second would fail with RuntimeError.
    """

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._lock = threading.Lock()

    def take(self, charges: Sequence[Charge]) -> list[Quota]:
        """Count a request for each limit, in order, up to the first that it exceeds. Return their quotas."""
        quotas = []
        with self._lock:
            for charge in charges:
                amount, seconds = charge.item.amount, charge.item.get_expiry()
                is_within = self._storage.acquire_sliding_window_entry(charge.key, amount, seconds)
                quotas.append(self._window(charge).quota(charge, is_within=is_within))
                if not is_within:
                    break
        return quotas

    def look(self, charges: Sequence[Charge]) -> list[Quota]:
        """Return the quotas of a request that is not counted."""
        with self._lock:
            return [self._window(charge).quota(charge) for charge in charges]

    def clear(self, charge: Charge) -> None:
        """Reset a counter."""
        with self._lock:
            self._storage.clear_sliding_window(charge.key, charge.item.get_expiry())

    def _window(self, charge: Charge) -> Window:
        return Window(*self._storage.get_sliding_window(charge.key, charge.item.get_expiry()))


class RedisCounters:
    """Counters in Redis. A request costs one round trip, whatever the number of its limits.

    The functions `acquire` and `read` of the script are the scripts with which `limits` counts a request and reads a
    window. They name the counters as earlier releases do.
    """

    SCRIPT = """
        local function acquire(KEYS, ARGV) %s end
        local function read(KEYS, ARGV) %s end
        local is_counted, windows = ARGV[1] == "1", {}
        for number = 1, #KEYS / 2 do
            local keys = {KEYS[2 * number - 1], KEYS[2 * number]}
            local amount, seconds = ARGV[2 * number], ARGV[2 * number + 1]
            local is_within = not is_counted or acquire(keys, {amount, seconds, 1})
            windows[number] = {is_within and 1 or 0, unpack(read(keys, {seconds}), 1, 4)}
            if not is_within then break end
        end
        return windows
    """

    def __init__(self, storage: RedisStorage) -> None:
        self._storage = storage
        scripts = (storage.SCRIPT_ACQUIRE_SLIDING_WINDOW, storage.SCRIPT_SLIDING_WINDOW)
        text = self.SCRIPT % tuple(map(_text, scripts))
        self._script = storage.get_connection().register_script(text.encode())

    def take(self, charges: Sequence[Charge]) -> list[Quota]:
        """Count a request for each limit, in order, up to the first that it exceeds. Return their quotas."""
        counted = self._run(charges, is_counted=True)
        return [
            window.quota(charge, is_within=is_within)
            for charge, (is_within, window) in zip(charges, counted, strict=False)
        ]

    def look(self, charges: Sequence[Charge]) -> list[Quota]:
        """Return the quotas of a request that is not counted."""
        return [
            window.quota(charge)
            for charge, (_, window) in zip(charges, self._run(charges, is_counted=False), strict=True)
        ]

    def clear(self, charge: Charge) -> None:
        """Reset a counter."""
        self._storage.clear_sliding_window(charge.key, charge.item.get_expiry())

    def _run(self, charges: Sequence[Charge], *, is_counted: bool) -> list[tuple[bool, Window]]:
        keys, arguments = [], [int(is_counted)]
        for charge in charges:
            current = self._storage.prefixed_key(f"{{{charge.key}}}")
            keys += [f"{current}/-1", current]
            arguments += [charge.item.amount, charge.item.get_expiry()]
        rows: list[list[Any]] = self._script(keys, arguments)
        return [(bool(is_within), _window(*counts)) for is_within, *counts in rows]


def _window(previous: Any, previous_ms: Any, current: Any, current_ms: Any) -> Window:
    """Return a window from Redis' replies: counts are texts or None, times are negative if there is no counter."""
    return Window(int(previous or 0), max(0, previous_ms) / 1000, int(current or 0), max(0, current_ms) / 1000)


def _text(script: str | bytes) -> str:
    return script.decode() if isinstance(script, bytes) else script
