"""Migrates the schema, safely even when several machines start at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playhouse.migrations import Runner

from app.db.database import database, on_postgresql

MIGRATIONS = Path(__file__).parent / "migrations"

ADVISORY_LOCK = 0x5249_5354
"""The number of the lock: "RIST" in ASCII. No other lock in this database has this number."""


def migrate() -> list[str]:
    """Apply the pending migrations under a lock. A concurrent caller waits and then finds none pending.

    Returns:
        The names of the applied migrations, oldest first.
    """
    with database.connection_context(), _only_one():
        applied: list[str] = Runner(database.obj, directory=str(MIGRATIONS)).up()
    return applied


@contextmanager
def _only_one() -> Iterator[None]:
    if on_postgresql():
        # Another machine's migration may take longer than the time-outs of ordinary statements and locks.
        database.execute_sql("SET statement_timeout = 0")
        database.execute_sql("SET lock_timeout = 0")
        database.execute_sql("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
        try:
            yield
        finally:
            database.execute_sql("SELECT pg_advisory_unlock(%s)", (ADVISORY_LOCK,))
            database.execute_sql("RESET statement_timeout")
            database.execute_sql("RESET lock_timeout")
    else:
        with Path(f"{database.database}.migrating").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
