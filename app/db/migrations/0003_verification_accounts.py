"""Mark the accounts that `playbooks/verify_site.yml` creates, so that they can be hidden from the public and swept."""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the column with a database default, because earlier releases do not set it."""
    statement = "ALTER TABLE users ADD COLUMN is_verification BOOLEAN NOT NULL DEFAULT FALSE"
    db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it untyped
