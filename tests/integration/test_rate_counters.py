"""The counters of the rate limits agree with the library's own in Redis and in memory, and cost one round trip."""

import itertools
import random
import time

import pytest
from limits import parse
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from app.http.counters import Charge, Counters, MemoryCounters, RedisCounters
from testing.homes import unique
from testing.redis_server import Redis


@pytest.fixture
def storage(redis_server: Redis) -> RedisStorage:
    return RedisStorage(redis_server.url(0))


@pytest.fixture(params=["redis", "memory"])
def counters(request: pytest.FixtureRequest) -> Counters:
    if request.param == "memory":
        return MemoryCounters()
    return RedisCounters(request.getfixturevalue("storage"))


def charges(*amounts: int) -> list[Charge]:
    return [Charge(parse(f"{amount} per 1 day"), unique("purpose"), "a") for amount in amounts]


def test_each_limit_counts_the_request_and_says_what_is_left(counters: Counters) -> None:
    both = charges(2, 5)
    left = [[quota.remaining for quota in counters.take(both)] for _ in range(2)]
    assert left == [[1, 4], [0, 3]]
    assert [quota.is_within for quota in counters.look(both)] == [False, True]


def test_a_limit_after_an_exceeded_one_does_not_count_the_request(counters: Counters) -> None:
    first, second = charges(1, 5)
    assert [quota.is_within for quota in counters.take([first, second])] == [True, True]
    (rejected,) = counters.take([first, second])
    assert (rejected.is_within, rejected.remaining) == (False, 0)
    assert 0 < rejected.reset_seconds <= 86_400
    assert counters.look([second])[0].remaining == 4


def test_looking_counts_nothing(counters: Counters) -> None:
    (charge,) = charges(2)
    for _ in range(3):
        assert counters.look([charge])[0].remaining == 2


def test_a_cleared_counter_starts_anew(counters: Counters) -> None:
    (charge,) = charges(1)
    assert [counters.take([charge])[0].is_within for _ in range(2)] == [True, False]
    counters.clear(charge)
    assert counters.take([charge])[0].is_within


def test_redis_counts_as_the_librarys_own_limiter_on_the_same_counter(storage: RedisStorage) -> None:
    """An earlier release, which uses the library's limiter, shares the counters during a rollout."""
    ours, theirs = RedisCounters(storage), SlidingWindowCounterRateLimiter(storage)
    charge = Charge(parse("7 per 1 second"), unique("purpose"), "a")
    chance = random.Random(1)  # noqa: S311 (a reproducible sequence)
    outcomes = set()
    for _ in range(60):
        time.sleep(chance.random() / 20)
        if chance.random() < 0.5:
            outcomes.add(theirs.hit(charge.item, charge.purpose, charge.who))
        else:
            (quota,) = ours.take([charge])
            outcomes.add(quota.is_within)
        left = theirs.get_window_stats(charge.item, charge.purpose, charge.who)
        (looked,) = ours.look([charge])
        assert abs(looked.remaining - left.remaining) <= 1  # time passes between the two
        assert looked.reset_seconds == 1
    assert outcomes == {True, False}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_request_costs_one_round_trip_whatever_the_number_of_its_limits(storage: RedisStorage, count: int) -> None:
    counters = RedisCounters(storage)
    both = charges(*itertools.repeat(5, count))
    counters.take(both)  # loads the script
    for act in (counters.take, counters.look):
        before = calls(storage)
        act(both)
        assert calls(storage) - before == 1


def calls(storage: RedisStorage) -> int:
    """Return how many scripts Redis executed."""
    statistics = storage.storage.info("commandstats")
    return int(statistics["cmdstat_evalsha"]["calls"])
