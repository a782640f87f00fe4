"""Bringing the schema up to date, on both databases."""

import shutil
import subprocess
from pathlib import Path

import peewee
import pytest

from app.db import migrating
from app.db.database import database
from app.db.models import TABLES
from tests.backends import Postgres
from tests.ledger import opened
from tests.sites import PROGRAMS, Backend, Home


@pytest.fixture
def empty_database(backend: Backend, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database without any table."""
    if backend == "embedded":
        return f"sqlite:///{tmp_path}/empty.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.create_database())


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


def test_of_four_machines_that_migrate_at_once_one_does_it(home: Home, empty_database: str) -> None:
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


def test_a_video_cannot_have_less_than_no_votes(home: Home) -> None:
    with opened(home), pytest.raises(peewee.IntegrityError):
        database.execute_sql(
            "INSERT INTO videos (id, user_id, title, status, votes, uploaded_at) "
            "VALUES ('6f1c5a52000040008000000000000000', '6f1c5a52000040008000000000000000', 't', 'uploaded', -1, 0)"
        )


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
