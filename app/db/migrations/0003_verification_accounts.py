"""Accounts that a check of the site makes are marked, so that they can be kept from the public and cleared away."""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the column with a default of the database's own: code from before it names no such column."""
    statement = "ALTER TABLE users ADD COLUMN is_verification BOOLEAN NOT NULL DEFAULT FALSE"
    db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it so
