"""Locking a player out of their account by guessing its password."""

from collections.abc import Iterator

import httpx
import pytest
from limits import parse

from app.config import Settings
from testing.homes import Home
from testing.people import Player
from testing.sites import Site, running_site

PER_PAIR, PER_ACCOUNT = 3, 9
ATTACKER, PLAYER = "203.0.113.66", "198.51.100.7"


@pytest.fixture(scope="module")
def site(home: Home) -> Iterator[Site]:
    """A site behind a trusted proxy, with limits that a test reaches after a few requests."""
    limits = {
        "LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS": f"{PER_PAIR} per 1 day",
        "LOGIN_LIMIT_PER_ACCOUNT": f"{PER_ACCOUNT} per 1 day",
    }
    with running_site(home.with_settings(TRUSTED_PROXY="127.0.0.1", **limits)) as running:
        yield running


def log_in(site: Site, player: Player, password: str, address: str) -> httpx.Response:
    body = {"email": player.email, "password": password}
    return site.api.post("/api/auth/login", json=body, headers={"X-Forwarded-For": address})


def guess(site: Site, player: Player, address: str, *, times: int) -> list[int]:
    return [log_in(site, player, "a wrong guess", address).status_code for _ in range(times)]


def test_wrong_passwords_from_one_address_do_not_lock_the_player_out_elsewhere(site: Site) -> None:
    player = site.sign_up()
    assert guess(site, player, ATTACKER, times=5 * PER_ACCOUNT)[-1] == 429
    assert log_in(site, player, player.password, PLAYER).status_code == 200


def test_the_guessing_address_is_refused_even_with_the_right_password(site: Site) -> None:
    player = site.sign_up()
    assert guess(site, player, ATTACKER, times=PER_PAIR + 1) == [401] * PER_PAIR + [429]
    assert log_in(site, player, player.password, ATTACKER).status_code == 429


def test_guesses_from_many_addresses_reach_the_accounts_own_limit(site: Site) -> None:
    player = site.sign_up()
    answers = [code for number in range(6) for code in guess(site, player, f"203.0.113.{number}", times=PER_PAIR)]
    assert answers == [401] * PER_ACCOUNT + [429] * (len(answers) - PER_ACCOUNT)


def test_a_sign_in_does_not_reset_the_count_of_other_addresses(site: Site) -> None:
    player = site.sign_up()
    for number in range(2):
        assert guess(site, player, f"203.0.113.{number}", times=PER_PAIR) == [401] * PER_PAIR
    assert log_in(site, player, player.password, PLAYER).status_code == 200
    assert guess(site, player, "203.0.113.9", times=PER_PAIR) == [401, 401, 429]


def test_the_addresses_of_one_ipv6_network_share_one_limit(site: Site) -> None:
    player = site.sign_up()
    answers = [code for host in range(PER_PAIR + 1) for code in guess(site, player, f"2001:db8:1:2::{host}", times=1)]
    assert answers == [401] * PER_PAIR + [429]
    assert guess(site, player, "2001:db8:1:3::1", times=1) == [401]


def test_one_address_cannot_reach_the_accounts_own_limit_by_itself() -> None:
    def per_hour(limit: str) -> float:
        item = parse(limit)
        return item.amount * 3600 / item.get_expiry()

    fields = Settings.model_fields
    pair = per_hour(fields["login_limit_per_account_and_address"].default)
    assert per_hour(fields["login_limit_per_account"].default) >= 5 * pair
