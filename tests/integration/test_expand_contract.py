"""Every migration keeps the previous release's code working: it removes only what that release no longer uses.

A migration may remove a column or table if it sets `UNUSED_SINCE` to the release that stopped using it, such as
`UNUSED_SINCE = "1.4.0"`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import peewee
import pytest
from playhouse.migrations import Migration, Runner

from app.db.migrating import MIGRATIONS

RELEASE = re.compile(r"\d+\.\d+\.\d+")


class Column(NamedTuple):
    """A column as the database describes it."""

    kind: str
    null: bool
    has_default: bool


class Schema(NamedTuple):
    """The parts of a schema that code relies on."""

    tables: dict[str, dict[str, Column]]
    """Table → name → column."""
    unique: set[tuple[str, ...]]
    """For each unique index, its table and columns."""

    @classmethod
    def of(cls, db: peewee.Database) -> "Schema":
        """Read the schema from the database."""
        tables = {
            table: {
                column.name: Column(column.data_type.upper(), column.null, column.default is not None)
                for column in db.get_columns(table)
            }
            for table in db.get_tables()
        }
        indexes = ((table, index) for table in tables for index in db.get_indexes(table))
        return cls(tables, {(table, *index.columns) for table, index in indexes if index.unique})


def contractions(folder: Path) -> dict[str, list[str]]:
    """Return, for each migration that breaks earlier code, a sentence for each breaking change."""
    db = peewee.SqliteDatabase(":memory:")
    runner = Runner(db, directory=str(folder))
    found: dict[str, list[str]] = {}
    before = Schema.of(db)
    for migration in runner.migrations():
        runner.up(migration.name)
        after = Schema.of(db)
        losses = [*lost(before, after), *newly_unique(before, after)]
        if losses and not is_announced(migration):
            found[migration.name] = losses
        before = after
    return found


def lost(before: Schema, after: Schema) -> Iterator[str]:
    """Yield a sentence for each removed table, removed or changed column, and new required column without a default."""
    for table, columns in before.tables.items():
        now = after.tables.get(table)
        if now is None:
            yield f"{table} was removed"
            continue
        for name in columns.keys() - now.keys():
            yield f"{table}.{name} was removed"
        for name in columns.keys() & now.keys():
            if (now[name].kind, now[name].null) != (columns[name].kind, columns[name].null):
                yield f"{table}.{name} was changed"
        for name in now.keys() - columns.keys():
            if not now[name].null and not now[name].has_default:
                yield f"{table}.{name} is required and has no default"


def newly_unique(before: Schema, after: Schema) -> Iterator[str]:
    """Yield a sentence for each new unique index on existing columns: earlier code may still write duplicates."""
    for table, *columns in after.unique - before.unique:
        if set(columns) <= before.tables.get(table, {}).keys():
            yield f"{table} requires unique values of {', '.join(columns)}"


def is_announced(migration: Migration) -> bool:
    """Return whether the migration sets `UNUSED_SINCE` to a release, which permits its removals."""
    return bool(RELEASE.fullmatch(getattr(migration.load(), "UNUSED_SINCE", "")))


def test_no_migration_removes_what_the_previous_release_uses() -> None:
    assert contractions(MIGRATIONS) == {}


FIRST = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE clips (id INTEGER PRIMARY KEY, title VARCHAR(200), city VARCHAR(9) NOT NULL)")
"""


def second(statement: str, *lines: str) -> str:
    return "\n".join((*lines, "from peewee import *", "def up(migrator, db):", f"    {statement}", ""))


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.py").write_text(FIRST)
    return tmp_path


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("db.execute_sql('DROP TABLE clips')", "clips was removed"),
        ("migrator.migrate(migrator.drop_column('clips', 'title'))", "clips.title was removed"),
        ("migrator.migrate(migrator.rename_column('clips', 'title', 'name'))", "clips.title was removed"),
        ("migrator.migrate(migrator.rename_table('clips', 'films'))", "clips was removed"),
        ("migrator.migrate(migrator.add_not_null('clips', 'title'))", "clips.title was changed"),
        ("migrator.migrate(migrator.drop_not_null('clips', 'city'))", "clips.city was changed"),
        ("migrator.migrate(migrator.alter_column_type('clips', 'city', TextField()))", "clips.city was changed"),
        ("migrator.migrate(migrator.add_index('clips', ('title',), True))", "clips requires unique values of title"),
        (
            "migrator.migrate(migrator.add_column('clips', 'place', TextField(default='')))",
            "clips.place is required and has no default",
        ),
    ],
)
def test_a_change_that_breaks_earlier_code_is_found(migrations: Path, statement: str, finding: str) -> None:
    (migrations / "0002_second.py").write_text(second(statement))
    assert finding in contractions(migrations)["0002_second"]


@pytest.mark.parametrize(
    "statement",
    [
        "db.execute_sql('CREATE TABLE votes (id INTEGER PRIMARY KEY)')",
        "db.execute_sql('ALTER TABLE clips ADD COLUMN place TEXT')",
        "db.execute_sql('ALTER TABLE clips ADD COLUMN is_new BOOLEAN NOT NULL DEFAULT FALSE')",
        "migrator.migrate(migrator.add_index('clips', ('title',), False))",
    ],
)
def test_a_migration_that_only_adds_is_accepted(migrations: Path, statement: str) -> None:
    (migrations / "0002_second.py").write_text(second(statement))
    assert contractions(migrations) == {}


def test_an_announced_removal_is_accepted(migrations: Path) -> None:
    drop = "migrator.migrate(migrator.drop_column('clips', 'title'))"
    (migrations / "0002_second.py").write_text(second(drop, 'UNUSED_SINCE = "1.4.0"'))
    assert contractions(migrations) == {}
