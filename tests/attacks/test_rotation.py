"""The validity of tokens after a rotation of the signing secret."""

import secrets
import uuid

import httpx
import pytest
from peewee import Expression

from app.db.models import RefreshToken, Session
from testing.answers import Json
from testing.people import Player
from testing.processes import wait_until
from testing.sites import Site, SiteMaker


def refresh(site: Site, token: str) -> httpx.Response:
    return site.api.post("/api/auth/refresh", json={"refresh_token": token})


def opens(site: Site, access_token: str) -> bool:
    answer = site.api.get("/api/videos", headers={"Authorization": f"Bearer {access_token}"})
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


def of(player: Player) -> Expression:
    """Return a condition that selects the player's refresh tokens."""
    return RefreshToken.session.in_(Session.select(Session.id).where(Session.user == uuid.UUID(player.id)))


def set_seals(player: Player, seal: str | None) -> None:
    with player.site.tables():
        assert RefreshToken.update(seal=seal).where(of(player)).execute()


@pytest.fixture
def old() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def new() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def tokens(make_site: SiteMaker, old: str) -> tuple[Player, Json]:
    """A player, and the tokens of a session that was opened with the old secret."""
    site = make_site(JWT_SECRET=old)
    player = site.sign_up()
    return player, player.log_in()


def test_an_immediate_rotation_ends_every_session(make_site: SiteMaker, tokens: tuple[Player, Json], new: str) -> None:
    rotated = make_site(JWT_SECRET=new)
    assert refresh(rotated, tokens[1]["refresh_token"]).status_code == 401
    assert not opens(rotated, tokens[1]["access_token"])


def test_a_token_that_an_earlier_release_stored_without_a_seal_also_ends_with_the_secret(
    make_site: SiteMaker, tokens: tuple[Player, Json], old: str, new: str
) -> None:
    player, (token) = tokens[0], tokens[1]["refresh_token"]
    set_seals(player, None)
    upgraded = make_site(JWT_SECRET=old)

    def all_are_sealed() -> bool:
        with upgraded.tables():
            return not RefreshToken.select().where(of(player), RefreshToken.seal.is_null()).exists()

    wait_until(all_are_sealed, what="the sealing of stored tokens")
    assert refresh(make_site(JWT_SECRET=new), token).status_code == 401
    assert refresh(upgraded, token).status_code == 200


def test_a_prepared_rotation_keeps_every_session(
    make_site: SiteMaker, tokens: tuple[Player, Json], old: str, new: str
) -> None:
    """The runbook's steps: accept the new secret on all machines, sign with the new one, stop accepting the old one."""
    before, prepared = tokens[0].site, make_site(JWT_SECRET=old, JWT_SECRET_ACCEPTED=new)
    promoted, after = make_site(JWT_SECRET=new, JWT_SECRET_ACCEPTED=old), make_site(JWT_SECRET=new)
    pair = tokens[1]
    # While a step is being rolled out, a player's requests reach machines from before and after that step.
    for site in (before, prepared, before, prepared, promoted, prepared, promoted, after, promoted):
        answer = refresh(site, pair["refresh_token"])
        assert answer.status_code == 200, site.environment["JWT_SECRET"][:4]
        pair = answer.json()
    assert all(opens(site, pair["access_token"]) for site in (prepared, promoted, after))
    assert not opens(before, pair["access_token"])


def test_a_refresh_whose_answer_was_lost_between_two_steps_is_answered_again(
    make_site: SiteMaker, tokens: tuple[Player, Json], old: str, new: str
) -> None:
    prepared = make_site(JWT_SECRET=old, JWT_SECRET_ACCEPTED=new)
    promoted = make_site(JWT_SECRET=new, JWT_SECRET_ACCEPTED=old)
    first = refresh(prepared, tokens[1]["refresh_token"]).json()
    again = refresh(promoted, tokens[1]["refresh_token"]).json()
    assert again["refresh_token"] == first["refresh_token"]
    assert refresh(promoted, again["refresh_token"]).status_code == 200


def test_a_stored_token_with_a_forged_seal_is_refused(tokens: tuple[Player, Json]) -> None:
    """A seal (an HMAC) requires the secret. Earlier releases stored none, so a token without a seal is accepted."""
    player = tokens[0]
    set_seals(player, "0" * 64)
    assert refresh(player.site, tokens[1]["refresh_token"]).status_code == 401
