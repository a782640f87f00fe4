"""Rate limits whose counters are in memory are exact even when many threads count at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from limits import parse
from limits.storage import MemoryStorage
from prometheus_client import Counter

from app.http.counters import Charge
from app.http.throttle import Throttle

THREADS, REQUESTS, LIMIT = 16, 320, 100


class SlowlySet:
    """An attribute whose assignment is slow, so that several threads assign it at the same time."""

    def __get__(self, owner: Any, _class: type) -> Any:
        return vars(owner)["timer"]

    def __set__(self, owner: Any, value: Any) -> None:
        vars(owner)["timer"] = value
        time.sleep(0.01)


def test_requests_at_once_are_counted_exactly_and_none_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryStorage, "timer", SlowlySet(), raising=False)
    charge = Charge(parse(f"{LIMIT}/day"), "votes", "one account")
    throttle = Throttle("", Counter("counted_in_memory", "Not read here", registry=None))

    def is_allowed(_: int) -> bool:
        (quota,) = throttle.take([charge])
        return quota.is_within

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(is_allowed, range(REQUESTS))) == LIMIT
