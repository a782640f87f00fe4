"""Add columns for hidden clips, voided votes, and the digest of each sign-up's address, which reveals bursts."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    "ALTER TABLE videos ADD COLUMN hidden_at DOUBLE PRECISION",
    "ALTER TABLE votes ADD COLUMN voided_at DOUBLE PRECISION",
    "ALTER TABLE users ADD COLUMN signup_address VARCHAR(64)",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns, all nullable, because earlier releases do not set them."""
    for statement in STATEMENTS:
        db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it untyped
