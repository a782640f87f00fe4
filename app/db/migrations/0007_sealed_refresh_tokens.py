"""A refresh token is worth something only under the secret that sealed it."""

from peewee import Database
from playhouse.migrate import SchemaMigrator


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Add the column, empty: the API fills it in, for a migration does not know the secret."""
    statement = "ALTER TABLE refresh_tokens ADD COLUMN seal VARCHAR(64)"
    db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it so
