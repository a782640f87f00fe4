"""What a token is worth once the secret behind it has been rotated."""

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
    """The player's tokens, as a condition."""
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
    """A player, and the tokens of a session that was opened under the old secret."""
    site = make_site(JWT_SECRET=old)
    player = site.sign_up()
    return player, player.log_in()


def test_a_rotation_at_once_ends_every_session(make_site: SiteMaker, tokens: tuple[Player, Json], new: str) -> None:
    rotated = make_site(JWT_SECRET=new)
    assert refresh(rotated, tokens[1]["refresh_token"]).status_code == 401
    assert not opens(rotated, tokens[1]["access_token"])


def test_a_token_that_an_earlier_release_stored_without_a_key_ends_with_the_secret_too(
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


def test_a_prepared_rotation_signs_nobody_out(
    make_site: SiteMaker, tokens: tuple[Player, Json], old: str, new: str
) -> None:
    """The order of the runbook: accept the next one everywhere, sign with it, let the last one go."""
    before, prepared = tokens[0].site, make_site(JWT_SECRET=old, JWT_SECRET_ACCEPTED=new)
    promoted, after = make_site(JWT_SECRET=new, JWT_SECRET_ACCEPTED=old), make_site(JWT_SECRET=new)
    pair = tokens[1]
    # While machines are replaced, a player's requests go to machines of both steps.
    for site in (before, prepared, before, prepared, promoted, prepared, promoted, after, promoted):
        answer = refresh(site, pair["refresh_token"])
        assert answer.status_code == 200, site.environment["JWT_SECRET"][:4]
        pair = answer.json()
    assert all(opens(site, pair["access_token"]) for site in (prepared, promoted, after))
    assert not opens(before, pair["access_token"])


def test_an_answer_that_was_lost_between_the_steps_of_a_rotation_is_given_again(
    make_site: SiteMaker, tokens: tuple[Player, Json], old: str, new: str
) -> None:
    prepared = make_site(JWT_SECRET=old, JWT_SECRET_ACCEPTED=new)
    promoted = make_site(JWT_SECRET=new, JWT_SECRET_ACCEPTED=old)
    first = refresh(prepared, tokens[1]["refresh_token"]).json()
    again = refresh(promoted, tokens[1]["refresh_token"]).json()
    assert again["refresh_token"] == first["refresh_token"]
    assert refresh(promoted, again["refresh_token"]).status_code == 200


def test_a_row_that_was_written_into_the_database_opens_nothing(tokens: tuple[Player, Json]) -> None:
    """Who can write to the database and has no secret cannot make a session of their own."""
    player = tokens[0]
    set_seals(player, "0" * 64)
    assert refresh(player.site, tokens[1]["refresh_token"]).status_code == 401
