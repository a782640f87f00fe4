"""Operators take clips down and void votes; a sign-up leaves a digest of its address, so that bursts are seen."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    "ALTER TABLE videos ADD COLUMN hidden_at DOUBLE PRECISION",
    "ALTER TABLE votes ADD COLUMN voided_at DOUBLE PRECISION",
    "ALTER TABLE users ADD COLUMN signup_address VARCHAR(64)",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns, all empty: code from before it names none of them."""
    for statement in STATEMENTS:
        db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it so
