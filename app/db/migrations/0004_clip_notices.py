"""Add the notice about a processed clip, and the number of a job's attempts that timed out."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    "ALTER TABLE videos ADD COLUMN notice_code VARCHAR(40)",
    "ALTER TABLE jobs ADD COLUMN timeouts INTEGER NOT NULL DEFAULT 0",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the columns, nullable or with a database default, because earlier releases do not set them."""
    for statement in STATEMENTS:
        db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it untyped
