"""Add the standings of the ranking, the columns that lists are indexed by, and the triggers that maintain both.

The triggers maintain them for every writer: during a rollout, machines of the previous release write clips and votes
without knowing about standings. Migration 0009 computes the values for the existing rows and adds the indexes; until
then nothing reads them.

To prevent deadlocks, the triggers lock rows in the order video, user, standing.
"""

from peewee import Database, PostgresqlDatabase
from playhouse.migrate import SchemaMigrator

TABLES = (
    "ALTER TABLE videos ADD COLUMN city_key VARCHAR(100)",
    "ALTER TABLE videos ADD COLUMN is_verification BOOLEAN NOT NULL DEFAULT FALSE",
    """CREATE TABLE standings (
        user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        votes BIGINT NOT NULL DEFAULT 0,
        first_uploaded_at DOUBLE PRECISION,
        city_key VARCHAR(100),
        is_verification BOOLEAN NOT NULL DEFAULT FALSE
    )""",
)

PUBLIC = "{row}published_at IS NOT NULL AND {row}deleted_at IS NULL AND {row}hidden_at IS NULL"
OLD_PUBLIC, NEW_PUBLIC = PUBLIC.format(row="OLD."), PUBLIC.format(row="NEW.")
MOVED = f"""(({OLD_PUBLIC}) <> ({NEW_PUBLIC})
             OR ({NEW_PUBLIC} AND (OLD.user_id <> NEW.user_id OR OLD.uploaded_at <> NEW.uploaded_at)))"""
"""The clip became public or ceased to be, or its player or upload time changed: recompute the player's standing."""

MOVING_COLUMNS = "votes, published_at, deleted_at, hidden_at, user_id, uploaded_at"

SUMMARY = f"""SELECT coalesce(sum(votes), 0), min(uploaded_at) FROM videos
              WHERE user_id = {{player}} AND {PUBLIC.format(row="")}"""  # noqa: S608
ADD_DIFFERENCE = "UPDATE standings SET votes = votes + NEW.votes - OLD.votes WHERE user_id = NEW.user_id"
COPY_TO_VIDEOS = (
    "UPDATE videos SET city_key = NEW.city_key, is_verification = NEW.is_verification WHERE user_id = NEW.id"
)
COPY_TO_STANDING = COPY_TO_VIDEOS.replace("videos", "standings", 1)

ON_POSTGRESQL = (
    # SHARE waits for a concurrent change of the player's city, and makes a later change wait for this transaction.
    """CREATE FUNCTION copy_player_to_video() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT city_key, is_verification INTO NEW.city_key, NEW.is_verification
        FROM users WHERE id = NEW.user_id FOR SHARE;
        NEW.is_verification := coalesce(NEW.is_verification, FALSE);
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER copy_player BEFORE INSERT OR UPDATE OF user_id ON videos
    FOR EACH ROW EXECUTE FUNCTION copy_player_to_video()""",
    f"""CREATE FUNCTION copy_player_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {COPY_TO_VIDEOS};
        {COPY_TO_STANDING};
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER copy_changes AFTER UPDATE OF city_key, is_verification ON users FOR EACH ROW
    WHEN ((OLD.city_key, OLD.is_verification) IS DISTINCT FROM (NEW.city_key, NEW.is_verification))
    EXECUTE FUNCTION copy_player_changes()""",
    # The standing is locked in a statement of its own, before the sum is computed. Under READ COMMITTED, the later
    # statement sees every vote that was committed before the lock was obtained. The sum does not contain a vote that
    # waits for the lock, because it is not committed; it is added once the lock is released.
    f"""CREATE FUNCTION recompute_standing(player uuid) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM users WHERE id = player FOR SHARE;
        INSERT INTO standings (user_id, city_key, is_verification)
        SELECT id, city_key, is_verification FROM users WHERE id = player ON CONFLICT DO NOTHING;
        PERFORM 1 FROM standings WHERE user_id = player FOR UPDATE;
        UPDATE standings SET (votes, first_uploaded_at) = ({SUMMARY.format(player="player")}) WHERE user_id = player;
    END $$""",  # noqa: S608
    """CREATE FUNCTION recompute_standings_of_video() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            PERFORM recompute_standing(OLD.user_id);
        END IF;
        IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.user_id <> OLD.user_id) THEN
            PERFORM recompute_standing(NEW.user_id);
        END IF;
        RETURN NULL;
    END $$""",
    f"""CREATE TRIGGER stand_inserted AFTER INSERT ON videos FOR EACH ROW
    WHEN ({NEW_PUBLIC}) EXECUTE FUNCTION recompute_standings_of_video()""",
    f"""CREATE TRIGGER stand_moved AFTER UPDATE OF {MOVING_COLUMNS} ON videos FOR EACH ROW
    WHEN ({MOVED}) EXECUTE FUNCTION recompute_standings_of_video()""",
    f"""CREATE TRIGGER stand_deleted AFTER DELETE ON videos FOR EACH ROW
    WHEN ({OLD_PUBLIC}) EXECUTE FUNCTION recompute_standings_of_video()""",
    f"""CREATE FUNCTION add_votes_to_standing() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {ADD_DIFFERENCE};
        RETURN NULL;
    END $$""",
    f"""CREATE TRIGGER stand_voted AFTER UPDATE OF votes ON videos FOR EACH ROW
    WHEN (OLD.votes <> NEW.votes AND {NEW_PUBLIC} AND NOT {MOVED}) EXECUTE FUNCTION add_votes_to_standing()""",
)


def _recompute_on_sqlite(player: str) -> str:
    return f"""
        INSERT INTO standings (user_id, city_key, is_verification)
        SELECT id, city_key, is_verification FROM users
        WHERE id = {player} AND NOT EXISTS (SELECT 1 FROM standings WHERE user_id = {player});
        UPDATE standings SET (votes, first_uploaded_at) = ({SUMMARY.format(player=player)}) WHERE user_id = {player};
    """  # noqa: S608


COPY_ON_SQLITE = """
    UPDATE videos SET (city_key, is_verification) = (
        SELECT city_key, is_verification FROM users WHERE id = NEW.user_id
    ) WHERE id = NEW.id;
"""

ON_SQLITE = (
    f"CREATE TRIGGER copy_player_inserted AFTER INSERT ON videos BEGIN {COPY_ON_SQLITE} END",
    f"CREATE TRIGGER copy_player_changed AFTER UPDATE OF user_id ON videos BEGIN {COPY_ON_SQLITE} END",
    f"""CREATE TRIGGER copy_changes AFTER UPDATE OF city_key, is_verification ON users
    WHEN (OLD.city_key, OLD.is_verification) IS NOT (NEW.city_key, NEW.is_verification)
    BEGIN {COPY_TO_VIDEOS}; {COPY_TO_STANDING}; END""",
    f"""CREATE TRIGGER stand_inserted AFTER INSERT ON videos WHEN {NEW_PUBLIC}
    BEGIN {_recompute_on_sqlite("NEW.user_id")} END""",
    f"""CREATE TRIGGER stand_moved AFTER UPDATE OF {MOVING_COLUMNS} ON videos WHEN {MOVED}
    BEGIN {_recompute_on_sqlite("OLD.user_id")} {_recompute_on_sqlite("NEW.user_id")} END""",
    f"""CREATE TRIGGER stand_deleted AFTER DELETE ON videos WHEN {OLD_PUBLIC}
    BEGIN {_recompute_on_sqlite("OLD.user_id")} END""",
    f"""CREATE TRIGGER stand_voted AFTER UPDATE OF votes ON videos
    WHEN OLD.votes <> NEW.votes AND {NEW_PUBLIC} AND NOT {MOVED} BEGIN {ADD_DIFFERENCE}; END""",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Lock the tables in the order in which transactions lock their rows, then change the schema."""
    postgresql = isinstance(db, PostgresqlDatabase)
    locks = ("LOCK TABLE videos IN ACCESS EXCLUSIVE MODE",) if postgresql else ()
    for statement in (*locks, *TABLES, *(ON_POSTGRESQL if postgresql else ON_SQLITE)):
        db.execute_sql(statement.replace("{uuid}", "UUID" if postgresql else "TEXT"))  # type: ignore[no-untyped-call] # Peewee's stubs leave it untyped
