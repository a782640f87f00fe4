"""The connection pool of a process, on PostgreSQL or (embedded) SQLite, and the database's clock."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

from peewee import (
    SQL,
    Database,
    DatabaseProxy,
    Expression,
    Field,
    Node,
    NodeList,
    PostgresqlDatabase,
    SqliteDatabase,
)
from playhouse.pool import PooledSqliteDatabase

from app.config import sqlite_path
from app.db.pool import UnserialisedPostgresqlPool

POOL_WAIT_SECONDS = 5
"""How long a thread waits for a free connection."""

STATEMENT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 5_000

POSTGRESQL_NOW = "extract(epoch from clock_timestamp())::float8"
"""The SQL for the time in epoch seconds on PostgreSQL."""

database = DatabaseProxy()
"""The database that the models use. `open_database` initializes it."""


def open_database(url: str, *, max_connections: int) -> Database:
    """Bind the models to the database at `url`. No connection is opened yet, so this may be called before a fork.

    Args:
        url: `postgresql://…` or `sqlite:////absolute/path.db`.
        max_connections: how many connections the process may open. A thread that finds none free waits for up to
            `POOL_WAIT_SECONDS`.

    Returns:
        The pool, which the caller must close.
    """
    file = sqlite_path(url)
    opened = _postgresql(url, max_connections) if file is None else _sqlite(file, max_connections)
    database.initialize(opened)
    return opened


def _sqlite(file: Path, max_connections: int) -> Database:
    # synchronous=FULL, so that whatever the API has confirmed with 2xx survives a power failure.
    pragmas = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "busy_timeout": 10_000}
    return cast(
        Database,
        PooledSqliteDatabase(
            str(file),
            pragmas=pragmas,
            check_same_thread=False,  # the pool passes connections between threads
            timeout=POOL_WAIT_SECONDS,
            max_connections=max_connections,
        ),
    )


def _postgresql(url: str, max_connections: int) -> Database:
    parts = urlsplit(url)
    return cast(
        Database,
        UnserialisedPostgresqlPool(
            unquote(parts.path.lstrip("/")),
            dsn=url,
            max_connections=max_connections,
            timeout=POOL_WAIT_SECONDS,
            stale_timeout=300,
            connect_timeout=5,
            keepalives=1,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=STATEMENT_TIMEOUT_MS,
            application_name="rising-stars",
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
            f"-c idle_in_transaction_session_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC "
            # On solid-state disks, a random read costs hardly more than a sequential one. With the default of 4, a page
            # at a high offset would sort all clips of a city instead of following the index.
            "-c random_page_cost=1.1",
        ),
    )


def descending(field: Field) -> Node:
    """Return the negative of a field, as SQL. Peewee's own `-field` means `field DESC`.

    An index on (-votes, id) serves a list that is sorted by votes, descending, then by id, and also the start of its
    next page: (-votes, id) > (…, …) is one range of the index.
    """
    return NodeList((SQL("-"), field), glue="")


def on_postgresql() -> bool:
    """Whether the bound database is PostgreSQL (otherwise it is SQLite)."""
    return isinstance(database.obj, PostgresqlDatabase)


def transaction() -> AbstractContextManager[object]:
    """Return a transaction that may write.

    On SQLite, it takes the write lock at the start. If it took the lock only at its first write, that write would fail
    whenever another transaction had written since this one began to read.
    """
    bound: Database = database.obj
    if isinstance(bound, SqliteDatabase):
        return cast("AbstractContextManager[object]", bound.atomic("IMMEDIATE"))
    return cast("AbstractContextManager[object]", bound.atomic())


def db_now() -> Expression:
    """Return the database's wall clock as an SQL expression: epoch seconds, float.

    Machines compare lease times that other machines wrote, so all of them use the database's clock, not their own.
    """
    return cast(Expression, SQL(_clock()))


def read_now() -> float:
    """Return the time of the database's wall clock in epoch seconds."""
    (now,) = database.execute_sql(f"SELECT {_clock()}").fetchone()
    return float(now)


def _clock() -> str:
    """Return the SQL for epoch seconds in this database; 2440587.5 is the Julian day of 1970-01-01."""
    if on_postgresql():
        return POSTGRESQL_NOW
    return "((julianday('now') - 2440587.5) * 86400.0)"
