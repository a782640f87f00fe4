"""Add the column `seal` to refresh tokens. A token is valid only while the secret that made its seal is accepted."""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the column as nullable. The API fills it in, because a migration does not know the secret."""
    statement = "ALTER TABLE refresh_tokens ADD COLUMN seal VARCHAR(64)"
    db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it untyped
