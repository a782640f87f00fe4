"""Rate limits per account and per address, and the API's response to requests that exceed them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from testing.answers import refusal
from testing.homes import Home, unique
from testing.people import PASSWORD, Player, sign_up_form
from testing.sites import Site, SiteMaker, running_site

PER_ACCOUNT, PER_ADDRESS = 3, 8
DAY_SECONDS = 86_400


@pytest.fixture(scope="module")
def strict_site(home: Home) -> Iterator[Site]:
    """A site that allows an account three requests of each kind a day, and does not limit addresses.

    The window is a day because the sliding-window count is slightly too low around the end of a window.
    """
    names = ("LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS", "VOTE_LIMIT_PER_ACCOUNT", "UPLOAD_LIMIT_PER_ACCOUNT")
    limits = dict.fromkeys(names, f"{PER_ACCOUNT} per 1 day")
    with running_site(home.with_settings(**limits)) as site:
        yield site


def throttled(answer: httpx.Response) -> bool:
    """Return whether the response is a 429; assert that a 429 has a text and a valid Retry-After."""
    if answer.status_code != 429:
        return False
    assert isinstance(refusal(answer, 429), str)
    assert 0 < int(answer.headers["Retry-After"]) <= DAY_SECONDS
    return True


def first_throttled(act: Callable[[], httpx.Response], *, tries: int = 30) -> int:
    """Return how many requests are served before the first one is throttled."""
    return next(number for number in range(tries) if throttled(act()))


def wrong_password(site: Site, email: str) -> httpx.Response:
    return site.api.post("/api/auth/login", json={"email": email, "password": "a wrong guess"})


def log_in(site: Site, player: Player) -> httpx.Response:
    return site.api.post("/api/auth/login", json={"email": player.email, "password": player.password})


def test_guessing_an_accounts_password_is_throttled(strict_site: Site) -> None:
    player = strict_site.sign_up()
    assert first_throttled(lambda: wrong_password(strict_site, player.email)) == PER_ACCOUNT


def test_a_throttled_account_refuses_the_right_password_too(strict_site: Site) -> None:
    player = strict_site.sign_up()
    first_throttled(lambda: wrong_password(strict_site, player.email))
    assert throttled(log_in(strict_site, player))


def test_a_throttled_account_does_not_throttle_another(strict_site: Site) -> None:
    player, other = strict_site.sign_up(), strict_site.sign_up()
    first_throttled(lambda: wrong_password(strict_site, player.email))
    assert log_in(strict_site, other).status_code == 200


def test_an_unknown_address_is_throttled_like_a_known_one(strict_site: Site) -> None:
    email = f"{unique('unknown')}@example.com"
    assert first_throttled(lambda: wrong_password(strict_site, email)) == PER_ACCOUNT


def test_spelling_an_address_in_another_case_does_not_avoid_the_limit(strict_site: Site) -> None:
    player = strict_site.sign_up()
    spellings = iter([player.email, player.email.upper(), player.email.title(), player.email.upper()])
    assert first_throttled(lambda: wrong_password(strict_site, next(spellings))) == PER_ACCOUNT


def test_spaces_around_an_address_do_not_avoid_the_limit(strict_site: Site) -> None:
    email = strict_site.sign_up().email
    spellings = iter([email, f"{email} ", f"\u00a0{email}", f"{email}\u200b", f" {email}"])
    assert first_throttled(lambda: wrong_password(strict_site, next(spellings))) == PER_ACCOUNT


def test_open_sessions_of_a_throttled_account_stay_valid(strict_site: Site) -> None:
    player = strict_site.sign_up()
    first_throttled(lambda: wrong_password(strict_site, player.email))
    assert player.get("/api/videos").status_code == 200


def test_votes_of_an_account_are_limited_and_an_excess_vote_is_not_counted(strict_site: Site) -> None:
    voter, owner = strict_site.sign_up(), strict_site.sign_up()
    videos = [strict_site.publish_video(owner) for _ in range(PER_ACCOUNT + 1)]
    answers = [voter.vote(video_id) for video_id in videos]
    assert [answer.status_code for answer in answers] == [200] * PER_ACCOUNT + [429]
    assert throttled(answers[-1])
    assert strict_site.api.get(f"/api/public/videos/{videos[-1]}").json()["votes"] == 0
    assert strict_site.sign_up().vote(videos[-1]).status_code == 200


def test_uploads_of_an_account_are_limited_and_an_excess_upload_leaves_nothing(
    strict_site: Site, small_clip: Path
) -> None:
    player = strict_site.sign_up()
    answers = [player.upload(small_clip, title=str(number)) for number in range(PER_ACCOUNT + 1)]
    assert [answer.status_code for answer in answers] == [201] * PER_ACCOUNT + [429]
    assert throttled(answers[-1])
    assert strict_site.video_count(player) == PER_ACCOUNT
    assert list(strict_site.work_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "act"),
    [
        ("LOGIN_LIMIT_PER_ADDRESS", lambda site: wrong_password(site, f"{unique('ana')}@example.com")),
        ("SIGNUP_LIMIT_PER_ADDRESS", lambda site: site.api.post("/api/auth/signup", json=sign_up_form())),
    ],
    ids=["sign-in", "sign-up"],
)
def test_an_address_that_tries_many_accounts_is_throttled(
    make_site: SiteMaker, setting: str, act: Callable[[Site], httpx.Response]
) -> None:
    # Sites on one Redis server share the counters of equal limits. The unusual window of 23 hours gives this test a
    # counter of its own.
    site = make_site({setting: f"{PER_ADDRESS} per 23 hour"})
    assert first_throttled(lambda: act(site)) == PER_ADDRESS
    assert site.api.get("/api/public/videos").status_code == 200


def test_an_address_that_votes_with_many_accounts_is_throttled(make_site: SiteMaker) -> None:
    site = make_site(VOTE_LIMIT_PER_ADDRESS=f"{PER_ADDRESS} per 22 hour")
    video_id = site.publish_video(site.sign_up())
    voters = iter([site.sign_up() for _ in range(PER_ADDRESS + 1)])
    assert first_throttled(lambda: next(voters).vote(video_id)) == PER_ADDRESS
    assert site.api.get(f"/api/public/videos/{video_id}").json()["votes"] == PER_ADDRESS


def test_without_a_trusted_proxy_a_client_cannot_claim_another_address(make_site: SiteMaker) -> None:
    site = make_site(LOGIN_LIMIT_PER_ADDRESS=f"{PER_ADDRESS} per 21 hour")
    numbers = iter(range(1, 200))

    def guess() -> httpx.Response:
        body = {"email": f"{unique('ana')}@example.com", "password": PASSWORD}
        pretended = {"X-Forwarded-For": f"203.0.113.{next(numbers)}"}
        return site.api.post("/api/auth/login", json=body, headers=pretended)

    assert first_throttled(guess) == PER_ADDRESS


def test_behind_a_trusted_proxy_each_forwarded_address_is_limited_separately(make_site: SiteMaker) -> None:
    site = make_site(LOGIN_LIMIT_PER_ADDRESS=f"{PER_ACCOUNT} per 20 hour", TRUSTED_PROXY="127.0.0.1")

    def guess(address: str) -> httpx.Response:
        body = {"email": f"{unique('ana')}@example.com", "password": PASSWORD}
        return site.api.post("/api/auth/login", json=body, headers={"X-Forwarded-For": address})

    for address in ("203.0.113.1", "203.0.113.2", "2001:db8::1"):
        assert first_throttled(partial(guess, address)) == PER_ACCOUNT


# What responses say about the limits


def test_a_counted_request_says_what_is_left_of_each_limit(strict_site: Site) -> None:
    voter, owner = strict_site.sign_up(), strict_site.sign_up()
    answers = [voter.vote(strict_site.publish_video(owner)) for _ in range(PER_ACCOUNT + 1)]
    assert [left_of(answer, "vote-account") for answer in answers] == [2, 1, 0, 0]
    assert {answer.headers["RateLimit-Policy"] for answer in answers[:-1]} == {
        f'"vote-account";q={PER_ACCOUNT};w={DAY_SECONDS}, "vote-address";q=100000;w=60'
    }
    assert answers[-1].headers["RateLimit"] == f'"vote-account";r=0;t={answers[-1].headers["Retry-After"]}'


def test_an_error_after_the_count_says_what_is_left_too(strict_site: Site) -> None:
    voter = strict_site.sign_up()
    video_id = strict_site.publish_video(strict_site.sign_up())
    voter.vote(video_id)
    again = voter.vote(video_id)
    assert (again.status_code, left_of(again, "vote-account")) == (400, 1)


def test_a_response_does_not_reveal_how_often_others_tried_an_accounts_password(strict_site: Site) -> None:
    answer = wrong_password(strict_site, strict_site.sign_up().email)
    assert left_of(answer, "login-account-address") == PER_ACCOUNT - 1
    assert '"login-account";' not in answer.headers["RateLimit"] + answer.headers["RateLimit-Policy"]


@pytest.mark.parametrize("path", ["/api/public/videos", "/api/videos", "/health", "/api/nothing"])
def test_a_request_that_no_limit_counts_says_nothing_of_limits(strict_site: Site, path: str) -> None:
    assert not {"RateLimit", "RateLimit-Policy"} & set(strict_site.api.get(path).headers)


def left_of(answer: httpx.Response, purpose: str) -> int:
    """Return what is left of a limit; assert that its time is within its window."""
    items = dict(item.split(";", 1) for item in answer.headers["RateLimit"].split(", "))
    left, _, seconds = items[f'"{purpose}"'].removeprefix("r=").partition(";t=")
    assert 0 < int(seconds) <= DAY_SECONDS
    return int(left)
