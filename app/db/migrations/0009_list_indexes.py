"""Compute the standings and the copied columns for existing rows, and index them for the ranking and the lists.

On PostgreSQL, reads continue meanwhile; votes and uploads wait. An index begins with `-votes`, so that a page can
continue at a position with one comparison: (-votes, id) > (…, …).
"""

from peewee import Database, PostgresqlDatabase
from playhouse.migrate import SchemaMigrator

PUBLIC = "published_at IS NOT NULL AND deleted_at IS NULL AND hidden_at IS NULL"

STATEMENTS = (
    """UPDATE videos SET city_key = (SELECT city_key FROM users WHERE users.id = videos.user_id),
                         is_verification = (SELECT is_verification FROM users WHERE users.id = videos.user_id)
    WHERE EXISTS (SELECT 1 FROM users WHERE users.id = videos.user_id
                  AND (users.city_key IS NOT NULL OR users.is_verification))""",
    "DELETE FROM standings",
    f"""INSERT INTO standings (user_id, votes, first_uploaded_at, city_key, is_verification)
    SELECT users.id, sum(votes), min(uploaded_at), users.city_key, users.is_verification
    FROM videos JOIN users ON users.id = user_id
    WHERE {PUBLIC} GROUP BY users.id""",  # noqa: S608
    """CREATE INDEX standings_overall ON standings ((-votes), first_uploaded_at, user_id)
    WHERE first_uploaded_at IS NOT NULL AND NOT is_verification""",
    """CREATE INDEX standings_per_city ON standings (city_key, (-votes), first_uploaded_at, user_id)
    WHERE first_uploaded_at IS NOT NULL""",
    f"CREATE INDEX videos_by_votes ON videos ((-votes), id) WHERE {PUBLIC} AND NOT is_verification",
    f"CREATE INDEX videos_per_city_by_votes ON videos (city_key, (-votes), id) WHERE {PUBLIC}",
    f"CREATE INDEX videos_per_city_by_time ON videos (city_key, published_at, id) WHERE {PUBLIC}",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Lock out writers (on SQLite, the first write does), so that no change is missed."""
    locks = ("LOCK TABLE videos, users, standings IN SHARE ROW EXCLUSIVE MODE",)
    for statement in (*(locks if isinstance(db, PostgresqlDatabase) else ()), *STATEMENTS):
        db.execute_sql(statement)  # type: ignore[no-untyped-call] # Peewee's stubs leave it untyped
