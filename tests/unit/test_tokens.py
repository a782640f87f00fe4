"""Access and refresh tokens, with a clock that the test sets."""

import uuid

import jwt
import pytest

from app.showcase.errors import NotSignedIn
from app.showcase.tokens import Tokens, digest

SECRET = "s" * 64
USER, SESSION = uuid.uuid4(), uuid.uuid4()
NOW = 1_800_000_000.0


class Clock:
    """A clock that shows a fixed time until the test sets it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(SECRET, access_seconds=900, clock=clock)


def forged(*, key: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    complete = {"sub": str(USER), "sid": str(SESSION), "iat": int(NOW), "exp": int(NOW) + 900, **claims}
    kept = {name: value for name, value in complete.items() if value is not None}
    return jwt.encode(kept, key if algorithm != "none" else "", algorithm=algorithm)


def test_a_token_contains_its_session(tokens: Tokens) -> None:
    claims = tokens.read_access(tokens.issue_access(USER, SESSION))
    assert (claims.user_id, claims.session_id) == (USER, SESSION)


@pytest.mark.parametrize(("later", "holds"), [(0, True), (899, True), (900, False), (86_400, False)])
def test_a_token_is_valid_for_fifteen_minutes(later: float, holds: bool, tokens: Tokens, clock: Clock) -> None:
    token = tokens.issue_access(USER, SESSION)
    clock.now += later
    if holds:
        assert tokens.read_access(token).user_id == USER
    else:
        with pytest.raises(NotSignedIn):
            tokens.read_access(token)


def test_the_token_of_a_slow_upload_is_judged_by_the_uploads_start(tokens: Tokens, clock: Clock) -> None:
    token = tokens.issue_access(USER, SESSION)
    clock.now += 3600
    assert tokens.read_access(token, at=NOW + 10).user_id == USER


@pytest.mark.parametrize(
    "token",
    [
        forged(key="x" * 64),
        forged(algorithm="none"),
        forged(algorithm="HS512"),
        forged(sub=None),
        forged(sid=None),
        forged(exp=None),
        forged(sub="not a uuid"),
        forged(exp="tomorrow"),
        forged(sub=17),
        "",
        "a.b.c",
        '"quoted"',
        forged()[:-2],
    ],
)
def test_a_token_that_this_platform_did_not_sign_is_refused(token: str, tokens: Tokens) -> None:
    with pytest.raises(NotSignedIn):
        tokens.read_access(token)


def test_a_refresh_token_has_one_successor_which_only_the_platform_can_compute(tokens: Tokens) -> None:
    first = tokens.first_refresh()
    assert tokens.next_refresh(first) == tokens.next_refresh(first) != first
    other_platform = Tokens("o" * 64, access_seconds=900, clock=lambda: NOW)
    assert other_platform.next_refresh(first) != tokens.next_refresh(first)


def test_refresh_tokens_are_random_and_kept_as_digests(tokens: Tokens) -> None:
    drawn = {tokens.first_refresh() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(digest(token)) == 64 and token not in digest(token) for token in drawn)


def test_tokens_of_either_secret_are_accepted_and_only_the_first_secret_signs(clock: Clock) -> None:
    after = Tokens("n" * 64, accepted=SECRET, access_seconds=900, clock=clock)
    before = Tokens(SECRET, access_seconds=900, clock=clock)
    assert after.read_access(before.issue_access(USER, SESSION)).user_id == USER
    with pytest.raises(NotSignedIn):
        before.read_access(after.issue_access(USER, SESSION))


def test_an_expired_token_of_the_accepted_secret_is_refused(clock: Clock) -> None:
    token = Tokens(SECRET, access_seconds=900, clock=clock).issue_access(USER, SESSION)
    clock.now += 900
    with pytest.raises(NotSignedIn):
        Tokens("n" * 64, accepted=SECRET, access_seconds=900, clock=clock).read_access(token)


def test_a_seal_is_valid_only_for_its_digest_and_the_current_secrets(clock: Clock) -> None:
    stored, before = digest("token"), Tokens(SECRET, access_seconds=900, clock=clock)
    seal = before.seal(stored)
    assert Tokens("n" * 64, accepted=SECRET, access_seconds=900, clock=clock).is_seal_of(stored, seal)
    assert not Tokens("n" * 64, access_seconds=900, clock=clock).is_seal_of(stored, seal)
    assert not before.is_seal_of(digest("another"), seal)


def test_hidden_addresses_are_equal_for_equal_addresses_and_depend_on_the_secret(tokens: Tokens, clock: Clock) -> None:
    assert tokens.hide_address("203.0.113.7") == tokens.hide_address("203.0.113.7")
    other = Tokens("n" * 64, access_seconds=900, clock=clock)
    assert (
        len({tokens.hide_address("203.0.113.7"), tokens.hide_address("203.0.113.8"), other.hide_address("203.0.113.7")})
        == 3
    )
