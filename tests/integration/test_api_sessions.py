"""Signing in, refreshing tokens, signing out, and the tokens that the API must refuse."""

import time
import uuid
from collections.abc import Callable

import httpx
import jwt
import pytest

from app.db.models import RefreshToken, Session, User
from testing.answers import UNKNOWN_ID, all_at_once, refusal, shape_refusal
from testing.homes import unique
from testing.people import PASSWORD, Player
from testing.sites import Site

TOKENS = {"access_token", "token_type", "expires_in", "refresh_token"}
NOT_SIGNED_IN = "Could not validate credentials"
WRONG = "Invalid credentials. Email o contraseña incorrectos"
RAW = "application/json"


def log_in(site: Site, email: object, password: object = PASSWORD) -> httpx.Response:
    return site.api.post("/api/auth/login", json={"email": email, "password": password})


def refresh(site: Site, token: object) -> httpx.Response:
    return site.api.post("/api/auth/refresh", json={"refresh_token": token})


def opens(site: Site, access_token: str) -> bool:
    answer = site.api.get("/api/videos", headers={"Authorization": f"Bearer {access_token}"})
    if answer.status_code != 200:
        assert refusal(answer, 401) == NOT_SIGNED_IN
    return answer.status_code == 200


# Signing in


def test_a_sign_in_returns_tokens(site: Site) -> None:
    player = site.sign_up()
    answer = log_in(site, player.email)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == TOKENS
    assert body["token_type"] == "Bearer"
    assert 0 < body["expires_in"] <= 900
    assert opens(site, body["access_token"])


@pytest.mark.parametrize("spell", [str.upper, str.title])
def test_an_address_in_other_case_is_the_same_account(site: Site, spell: Callable[[str], str]) -> None:
    assert log_in(site, spell(site.sign_up().email)).status_code == 200


def test_a_sign_in_answers_with_a_trailing_slash_too(site: Site) -> None:
    player = site.sign_up()
    body = {"email": player.email, "password": player.password}
    assert site.api.post("/api/auth/login/", json=body).status_code == 200


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(site: Site) -> None:
    player = site.sign_up()
    wrong, unknown = log_in(site, player.email, PASSWORD + "x"), log_in(site, f"{unique('no')}@example.com")
    assert refusal(wrong, 401) == refusal(unknown, 401) == WRONG


@pytest.mark.parametrize("field", ["email", "password"])
def test_a_missing_field_is_named(site: Site, field: str) -> None:
    body = {"email": "ana@example.com", "password": PASSWORD}
    del body[field]
    assert shape_refusal(site.api.post("/api/auth/login", json=body), field)


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}], ids=repr)
@pytest.mark.parametrize("field", ["email", "password"])
def test_a_field_of_another_type_is_refused_by_name(site: Site, field: str, value: object) -> None:
    body = {"email": "ana@example.com", "password": PASSWORD, field: value}
    assert shape_refusal(site.api.post("/api/auth/login", json=body), field)


def test_an_unknown_field_is_refused_by_name(site: Site) -> None:
    body = {"email": "ana@example.com", "password": PASSWORD, "otp": "1"}
    assert shape_refusal(site.api.post("/api/auth/login", json=body), "otp")


@pytest.mark.parametrize("field", ["email", "password"])
def test_a_megabyte_in_a_field_is_too_large(site: Site, field: str) -> None:
    body = {"email": "ana@example.com", "password": PASSWORD, field: "x" * 1_000_000}
    assert refusal(site.api.post("/api/auth/login", json=body), 413)


@pytest.mark.parametrize("text", [r"\ud800 alone", r"\udfff alone"])
@pytest.mark.parametrize("field", ["email", "password"])
def test_a_lone_surrogate_is_refused(site: Site, field: str, text: str) -> None:
    other = {"email": f'"password": "{PASSWORD}"', "password": f'"email": "{site.sign_up().email}"'}[field]
    body = f'{{{other}, "{field}": "{text}"}}'
    answer = site.api.post("/api/auth/login", content=body, headers={"Content-Type": RAW})
    assert refusal(answer, 422)


@pytest.mark.parametrize("field", ["email", "password"])
def test_nul_in_a_field_is_refused_without_an_error(site: Site, field: str) -> None:
    player = site.sign_up()
    body = {"email": player.email, "password": player.password}
    answer = site.api.post("/api/auth/login", json={**body, field: body[field] + "\x00"})
    assert answer.status_code in {401, 422}
    assert refusal(answer, answer.status_code)


# Staying signed in


def test_a_refresh_returns_a_new_pair_of_tokens(site: Site) -> None:
    before = site.sign_up().log_in()
    answer = refresh(site, before["refresh_token"])
    assert answer.status_code == 200
    after = answer.json()
    assert set(after) == TOKENS
    assert after["refresh_token"] != before["refresh_token"]
    assert opens(site, after["access_token"])


def test_each_refresh_returns_a_token_for_the_next_refresh(site: Site) -> None:
    tokens = site.sign_up().log_in()
    seen = {tokens["refresh_token"]}
    for _ in range(4):
        tokens = refresh(site, tokens["refresh_token"]).json()
        seen.add(tokens["refresh_token"])
    assert len(seen) == 5


def test_reusing_an_old_token_within_the_grace_period_returns_the_same_successor(site: Site) -> None:
    old = site.sign_up().log_in()["refresh_token"]
    first, second = refresh(site, old), refresh(site, old)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["refresh_token"] == second.json()["refresh_token"]
    assert refresh(site, first.json()["refresh_token"]).status_code == 200


def test_refreshes_that_race_get_the_same_successor(site: Site) -> None:
    old = site.sign_up().log_in()["refresh_token"]
    answers = all_at_once(*[lambda: refresh(site, old)] * 8)
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert opens(site, answers[0].json()["access_token"])


def test_reusing_an_old_token_after_the_grace_period_ends_the_session(site: Site) -> None:
    player = site.sign_up()
    old = player.log_in()["refresh_token"]
    successor = refresh(site, old).json()
    pretend_it_was_long_ago(player)
    assert refusal(refresh(site, old), 401)
    assert refusal(refresh(site, successor["refresh_token"]), 401)
    assert not opens(site, successor["access_token"])


def test_a_reused_token_ends_its_own_session_only(site: Site) -> None:
    player = site.sign_up()
    stolen, other = player.log_in(), player.log_in()
    refresh(site, stolen["refresh_token"])
    pretend_it_was_long_ago(player)
    refresh(site, stolen["refresh_token"])
    assert opens(site, other["access_token"])
    assert opens(site, player.access_token)


def pretend_it_was_long_ago(player: Player) -> None:
    """Backdate the use of the player's refresh tokens by an hour, so that the grace period has passed."""
    with player.site.tables():
        sessions = Session.select(Session.id).where(Session.user == uuid.UUID(player.id))
        aged = RefreshToken.update(used_at=RefreshToken.used_at - 3600).where(RefreshToken.session.in_(sessions))
        assert aged.execute()


@pytest.mark.parametrize("token", ["", "rubbish", "a.b.c", "é", "' OR 1=1 --", "\x00", "x" * 10_000])
def test_a_malformed_refresh_token_is_refused(site: Site, token: str) -> None:
    answer = refresh(site, token)
    assert answer.status_code in {401, 422}
    assert refusal(answer, answer.status_code)


def test_an_access_token_cannot_refresh_a_session(site: Site) -> None:
    assert refusal(refresh(site, site.sign_up().access_token), 401)


def test_a_refresh_token_grants_no_access(site: Site) -> None:
    assert not opens(site, site.sign_up().log_in()["refresh_token"])


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": 7}, {"refresh_token": []}], ids=repr)
def test_a_refresh_without_a_token_is_refused_by_name(site: Site, body: dict[str, object]) -> None:
    assert shape_refusal(site.api.post("/api/auth/refresh", json=body), "refresh_token")


def test_an_expired_refresh_token_is_refused(site: Site) -> None:
    player = site.sign_up()
    token = player.log_in()["refresh_token"]
    with site.tables():
        sessions = Session.select(Session.id).where(Session.user == uuid.UUID(player.id))
        RefreshToken.update(expires_at=time.time() - 1).where(RefreshToken.session.in_(sessions)).execute()
    assert refusal(refresh(site, token), 401)


# Signing out


@pytest.mark.parametrize("path", ["/api/auth", "/api/auth/"])
def test_a_sign_out_ends_the_sessions_tokens_at_once(site: Site, path: str) -> None:
    tokens = site.sign_up().log_in()
    answer = site.api.delete(path, headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert not opens(site, tokens["access_token"])
    assert refusal(refresh(site, tokens["refresh_token"]), 401)


def test_a_rotated_token_of_an_ended_session_is_refused_even_within_the_grace_period(site: Site) -> None:
    old = site.sign_up().log_in()
    new = refresh(site, old["refresh_token"]).json()
    site.api.delete("/api/auth", headers={"Authorization": f"Bearer {new['access_token']}"})
    for tokens in (old, new):
        assert refusal(refresh(site, tokens["refresh_token"]), 401)
        assert not opens(site, tokens["access_token"])


def test_a_sign_out_leaves_the_accounts_other_sessions_alone(site: Site) -> None:
    player = site.sign_up()
    phone, laptop = player.log_in(), player.log_in()
    site.api.delete("/api/auth", headers={"Authorization": f"Bearer {phone['access_token']}"})
    assert opens(site, laptop["access_token"])
    assert refresh(site, laptop["refresh_token"]).status_code == 200


def test_a_sign_out_without_a_token_is_refused(site: Site) -> None:
    assert refusal(site.api.delete("/api/auth"), 401) == NOT_SIGNED_IN


def test_a_blocked_account_is_refused_at_once(site: Site) -> None:
    player = site.sign_up()
    tokens = player.log_in()
    with site.tables():
        User.update(is_active=False).where(User.id == uuid.UUID(player.id)).execute()
    assert not opens(site, tokens["access_token"])
    assert refusal(refresh(site, tokens["refresh_token"]), 401)
    assert refusal(log_in(site, player.email), 401) == WRONG


# Tokens that must be refused

BAD_HEADERS = {
    "no token": "",
    "the scheme alone": "Bearer",
    "rubbish": "Bearer rubbish",
    "three parts of rubbish": "Bearer a.b.c",
    "dots": "Bearer ...",
    "quotes": 'Bearer "quoted"',
    "single quotes": "Bearer 'quoted'",
    "a quote alone": 'Bearer "',
    "a comma": "Bearer a,b",
    "Latin-1": "Bearer \xe9\xff",
    "a percent sign": "Bearer %s%n%00",
    "very long": "Bearer " + "x" * 8_000,
    "basic": "Basic YW5hOmFuYQ==",
    "digest": 'Digest username="ana"',
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_malformed_token_is_refused(site: Site, header: str) -> None:
    answer = site.api.get("/api/videos", headers=[(b"Authorization", header.encode("latin-1"))])
    assert refusal(answer, 401) == NOT_SIGNED_IN


@pytest.mark.parametrize("wrap", ['"{}"', "'{}'", "{}x", "x{}", "{} {}", "{}."])
def test_a_valid_token_with_extra_characters_is_refused(site: Site, wrap: str) -> None:
    token = site.sign_up().access_token
    assert not opens(site, wrap.format(token, token))


def test_another_scheme_with_a_valid_token_is_refused(site: Site) -> None:
    header = f"Basic {site.sign_up().access_token}"
    assert refusal(site.api.get("/api/videos", headers={"Authorization": header}), 401) == NOT_SIGNED_IN


def test_the_scheme_may_be_written_in_any_case(site: Site) -> None:
    header = f"bearer {site.sign_up().access_token}"
    assert site.api.get("/api/videos", headers={"Authorization": header}).status_code == 200


def test_a_token_that_the_test_signs_with_correct_claims_is_accepted(site: Site) -> None:
    assert opens(site, site.token(site.sign_up()))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": None},
        {"sub": "1"},
        {"sub": 1},
        {"sub": "' OR 1=1 --"},
        {"sub": UNKNOWN_ID},
        {"sid": None},
        {"sid": "rubbish"},
        {"sid": 1},
        {"sid": UNKNOWN_ID},
    ],
    ids=repr,
)
def test_a_token_with_a_wrong_claim_is_refused(site: Site, claims: dict[str, object]) -> None:
    assert not opens(site, site.token(site.sign_up(), **claims))


def test_a_token_that_has_just_expired_is_refused(site: Site) -> None:
    assert not opens(site, site.token(site.sign_up(), exp=int(time.time()) - 1))


def test_a_token_with_another_players_id_on_this_session_is_refused(site: Site) -> None:
    assert not opens(site, site.token(site.sign_up(), sub=site.sign_up().id))


@pytest.mark.parametrize(
    ("secret", "algorithm"),
    [("x" * 64, "HS256"), ("x" * 64, "HS512"), ("", "none")],
    ids=["HS256", "HS512", "none"],
)
def test_a_token_signed_with_another_secret_or_none_is_refused(site: Site, secret: str, algorithm: str) -> None:
    claims = jwt.decode(site.sign_up().access_token, options={"verify_signature": False})
    assert not opens(site, jwt.encode(claims, secret, algorithm=algorithm))


def test_another_algorithm_with_the_right_secret_is_refused(site: Site) -> None:
    claims = jwt.decode(site.sign_up().access_token, options={"verify_signature": False})
    assert not opens(site, jwt.encode(claims, site.environment["JWT_SECRET"], algorithm="HS512"))


def test_a_token_whose_claims_were_changed_is_refused(site: Site) -> None:
    mine, theirs = site.sign_up().access_token.split("."), site.sign_up().access_token.split(".")
    assert not opens(site, ".".join([mine[0], theirs[1], mine[2]]))
