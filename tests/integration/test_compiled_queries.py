"""A compiled query generates its SQL once, for the database that is open, and binds the values of each run."""

import uuid

import pytest

from app.config import Settings
from app.db.compiled import CompiledQuery, parameter
from app.db.database import database, open_database
from app.db.models import User
from testing.homes import Home
from tests.ledger import add_player


def test_a_compiled_query_is_generated_once_and_binds_each_value(settings: Settings) -> None:
    assert settings.database_url
    built: list[int] = []

    def build() -> object:
        built.append(1)
        return User.select(User.first_name).where(User.id == parameter("id")).limit(parameter("limit"))

    query = CompiledQuery(build)  # type: ignore[arg-type] # Peewee's stubs call it a ModelSelect
    players = [add_player(name) for name in ("Ana", "Bea")]
    for player, name in zip(players, ("Ana", "Bea"), strict=True):
        assert query.rows(id=player.hex, limit=1) == [(name,)]
    assert query.rows(id=players[0].hex, limit=0) == query.rows(id=uuid.uuid4().hex, limit=1) == []
    assert len(built) == 1


def test_a_missing_value_is_an_error(settings: Settings) -> None:
    assert settings.database_url
    with pytest.raises(KeyError, match="id"):
        CompiledQuery(lambda: User.select().where(User.id == parameter("id"))).rows()


def test_a_compiled_query_follows_the_process_to_another_database(settings: Settings, own_home: Home) -> None:
    assert settings.database_url
    query = CompiledQuery(lambda: User.select(User.first_name).where(User.id == parameter("id")))
    player = add_player("Ana")
    assert query.rows(id=player.hex) == [("Ana",)]
    database.close()
    pool = open_database(own_home.environment["DATABASE_URL"], max_connections=2)
    try:
        assert query.rows(id=player.hex) == [("Ana",)]
    finally:
        database.close()
        pool.close_all()  # type: ignore[attr-defined]
