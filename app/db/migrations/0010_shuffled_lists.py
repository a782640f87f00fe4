"""Index the public clips by id, for the shuffled list (`app.showcase.shuffling`)."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

PUBLIC = "published_at IS NOT NULL AND deleted_at IS NULL AND hidden_at IS NULL"

STATEMENTS = (
    f"CREATE INDEX videos_by_id ON videos (id) WHERE {PUBLIC} AND NOT is_verification",
    f"CREATE INDEX videos_per_city_by_id ON videos (city_key, id) WHERE {PUBLIC}",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create the indexes. On PostgreSQL, reads continue meanwhile; votes and uploads wait."""
    for statement in STATEMENTS:
        db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it untyped
