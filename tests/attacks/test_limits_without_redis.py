"""Guessing passwords while Redis, which stores the counters of the limits, is unreachable."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from testing.cables import Cable
from testing.homes import Home, unique
from testing.people import Player
from testing.processes import wait_until
from testing.sites import Site, running_site

PER_ACCOUNT, PER_ADDRESS = 10, 40
GUESSES = 30
IN_MEMORY = "rising_stars_limits_in_memory"


@pytest.fixture
def cable(lay_cable: Callable[[int], Cable], deployed_home: Home) -> Cable:
    """A cable (TCP proxy) to Redis."""
    return lay_cable(httpx.URL(deployed_home.environment["QUEUE_URL"]).port or 0)


@pytest.fixture
def wired_site(deployed_home: Home, cable: Cable) -> Iterator[Site]:
    """A site whose connection to Redis the test can cut."""
    url = str(httpx.URL(deployed_home.environment["QUEUE_URL"]).copy_with(port=cable.port))
    limits = {
        "LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS": f"{PER_ACCOUNT} per 5 minutes",
        # Sites on one Redis server share the counters of equal limits. This limit has its own counter, because no other
        # test uses its window.
        "LOGIN_LIMIT_PER_ADDRESS": f"{PER_ADDRESS} per 17 minutes",
        "UPLOAD_LIMIT_PER_ACCOUNT": "2 per 1 day",
    }
    with ExitStack() as stack:
        yield stack.enter_context(running_site(deployed_home.with_settings(QUEUE_URL=url, **limits)))


def guess(site: Site, email: str) -> int:
    return site.api.post("/api/auth/login", json={"email": email, "password": "a wrong guess"}).status_code


def figure(site: Site, name: str) -> float:
    """Return the value of a metric of the API process."""
    text = site.api.get("/metrics", params={"name[]": name}).text
    (line,) = [line for line in text.splitlines() if not line.startswith("#")]
    found, _, value = line.partition(" ")
    assert found == name
    return float(value)


@pytest.mark.parametrize("fault", [Cable.cut, Cable.muffle], ids=["gone", "hanging"])
def test_guesses_at_an_account_are_limited(wired_site: Site, cable: Cable, fault: Callable[[Cable], None]) -> None:
    player = wired_site.sign_up()
    fault(cable)
    statuses = [guess(wired_site, player.email) for _ in range(GUESSES)]
    assert statuses == [401] * PER_ACCOUNT + [429] * (GUESSES - PER_ACCOUNT)


def test_guesses_from_an_address_are_limited(wired_site: Site, cable: Cable) -> None:
    cable.cut()
    statuses = [guess(wired_site, f"{unique('ana')}@example.com") for _ in range(PER_ADDRESS + 5)]
    assert statuses == [401] * PER_ADDRESS + [429] * 5


def test_a_right_password_resets_the_count_of_guesses(wired_site: Site, cable: Cable) -> None:
    player = wired_site.sign_up()
    cable.cut()
    for _ in range(3):
        assert [guess(wired_site, player.email) for _ in range(PER_ACCOUNT - 1)] == [401] * (PER_ACCOUNT - 1)
        assert player.log_in()


def test_uploads_are_limited(wired_site: Site, cable: Cable) -> None:
    player = wired_site.sign_up()
    cable.cut()
    assert [upload(player) for _ in range(3)] == [422, 422, 429]


def upload(player: Player) -> int:
    return player.request("POST", "/api/videos/upload", content=b"x").status_code


def test_a_metric_shows_the_fallback_and_redis_counts_again_when_it_is_back(wired_site: Site, cable: Cable) -> None:
    player = wired_site.sign_up()
    assert figure(wired_site, IN_MEMORY) == 0
    guess(wired_site, player.email)
    assert figure(wired_site, IN_MEMORY) == 0
    cable.cut()
    guess(wired_site, player.email)
    assert figure(wired_site, IN_MEMORY) == 1
    cable.plug_in()
    counted = figure(wired_site, "rising_stars_limits_failed_open_total")

    def counts_in_redis() -> bool:
        nonlocal counted
        guess(wired_site, f"{unique('ana')}@example.com")
        before, counted = counted, figure(wired_site, "rising_stars_limits_failed_open_total")
        return before == counted

    wait_until(counts_in_redis, what="counting in Redis", seconds=30)
