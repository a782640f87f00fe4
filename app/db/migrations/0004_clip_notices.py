"""What a player is told about a processed clip; how often a render ran out of time."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    "ALTER TABLE videos ADD COLUMN notice_code VARCHAR(40)",
    "ALTER TABLE jobs ADD COLUMN timeouts INTEGER NOT NULL DEFAULT 0",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns with defaults of the database's own: code from before them names neither."""
    for statement in STATEMENTS:
        db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it so
