"""Schema migrations on both databases."""

import importlib
import shutil
import subprocess
import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
import pytest
from playhouse.migrations import Runner

from app.db import migrating
from app.db.database import database, open_database
from app.db.models import TABLES, User
from app.operations.cities import refold_city_keys
from app.showcase.texts import city_key
from testing.homes import PROGRAMS, Backend, Home
from testing.postgres import Postgres
from tests.ledger import opened


@pytest.fixture
def empty_database(backend: Backend, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables."""
    if backend == "embedded":
        return f"sqlite:///{tmp_path}/empty.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.create_database())


@contextmanager
def bound(url: str) -> Iterator[None]:
    """Bind the models to another database until the `with` block ends."""
    pool = open_database(url, max_connections=4)
    try:
        with database.connection_context():
            yield
    finally:
        pool.close_all()  # type: ignore[attr-defined]


def migrate_at_once(home: Home, url: str, count: int) -> list[str]:
    environment = home.with_settings(DATABASE_URL=url).environment
    started = [
        subprocess.Popen(
            [str(PROGRAMS / "rising-stars"), "migrate"], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    said = [process.communicate(timeout=60)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * count
    return sorted(said)


def test_only_one_of_four_concurrent_migrations_does_the_work(home: Home, empty_database: str) -> None:
    applied = "\n".join(f"applied {path.stem}" for path in sorted(migrating.MIGRATIONS.glob("0*.py")))
    assert migrate_at_once(home, empty_database, 4) == [applied, *["nothing to do"] * 3]


def test_the_migrated_schema_is_what_the_models_expect(home: Home) -> None:
    with opened(home):
        for table in TABLES:
            name = table._meta.table_name
            migrated = {column.name: column.null for column in database.get_columns(name)}
            expected = {field.column_name: field.null for field in table._meta.sorted_fields}
            assert migrated == expected, name
            unique = {tuple(index.columns) for index in database.get_indexes(name) if index.unique}
            wanted = {(field.column_name,) for field in table._meta.sorted_fields if field.unique}
            assert wanted <= unique, name


def test_a_video_cannot_have_a_negative_number_of_votes(home: Home) -> None:
    with opened(home), pytest.raises(peewee.IntegrityError):
        database.execute_sql(
            "INSERT INTO videos (id, user_id, title, status, votes, uploaded_at) "
            "VALUES ('6f1c5a52000040008000000000000000', '6f1c5a52000040008000000000000000', 't', 'uploaded', -1, 0)"
        )


CITIES = {
    "Łódź": "lodz",
    "Lodz": "lodz",
    "Tromsø": "tromso",
    "Đà Nẵng": "da nang",
    "L\u2019Hospitalet": "l'hospitalet",
    "L'Hospitalet": "l'hospitalet",
    "Bogo\u200btá": "bogota",
    "東京": "東京",
    "Москва": "москва",
    "ß" * 100: "s" * 100,
}
"""Cities as players write them, and their keys since migration 0005."""


def key_before_0005(city: str) -> str:
    """Return the city's key as releases before migration 0005 computed it."""
    decomposed = unicodedata.normalize("NFKD", city)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.casefold().split())[:100]


FIRST = importlib.import_module("app.db.migrations.0001_initial")
"""The first migration. Its models fit every schema, because every later schema has all of their columns."""


def add_player_of(city: str | None, key: str | None) -> uuid.UUID:
    player = uuid.uuid4()
    with database.bind_ctx([FIRST.User]):
        FIRST.User.insert(
            id=player,
            email=f"{player}@example.com",
            password_hash="!",
            first_name="Ana",
            last_name="Rojas",
            city=city,
            city_key=key,
            is_active=True,
            created_at=0,
            last_claimed_at=0,
        ).execute()
    return player


def keys_of(players: Iterable[uuid.UUID]) -> list[str | None]:
    return [User.select(User.city_key).where(User.id == player).get().city_key for player in players]


def test_stored_city_keys_are_migrated(home: Home, empty_database: str) -> None:
    with bound(empty_database):
        runner = Runner(database.obj, directory=str(migrating.MIGRATIONS))
        names = [migration.name for migration in runner.migrations()]
        runner.up(names[names.index("0005_city_keys") - 1])
        players = {city: add_player_of(city, key_before_0005(city)) for city in CITIES}
        nowhere = add_player_of(None, None)
        assert keys_of([players["Łódź"], players["Lodz"]]) == ["łodz", "lodz"]
    assert migrate_at_once(home, empty_database, 2)[0].startswith("applied 0005_city_keys")
    with bound(empty_database):
        assert keys_of(players.values()) == list(CITIES.values())
        assert keys_of([nowhere]) == [None]
        assert keys_of(players.values()) == [city_key(city) for city in CITIES]


def test_upkeep_recomputes_city_keys_that_another_release_wrote(home: Home) -> None:
    with opened(home):
        players = [add_player_of(city, key_before_0005(city)) for city in (*CITIES, "Łódź")]
        nowhere = add_player_of(None, None)
        changed = sum(key_before_0005(city) != key for city, key in CITIES.items()) + 1
        assert refold_city_keys() == changed
        assert keys_of(players) == [*CITIES.values(), "lodz"]
        assert keys_of([nowhere]) == [None]
        assert refold_city_keys() == 0


def test_a_migration_that_fails_leaves_nothing_behind(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "migrations"
    shutil.copytree(migrating.MIGRATIONS, broken)
    (broken / "9999_broken.py").write_text(
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE half_done (id INTEGER)')\n"
        "    raise RuntimeError('broken')\n"
    )
    monkeypatch.setattr(migrating, "MIGRATIONS", broken)
    with opened(home):
        with pytest.raises(RuntimeError, match="broken"):
            migrating.migrate()
        assert not database.table_exists("half_done")
        monkeypatch.undo()
        assert migrating.migrate() == []
