"""The harness's direct access to the database, where triggers record every transition of a job or video."""

import contextlib
import json
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2  # type: ignore[import-untyped]
from psycopg2.extras import RealDictCursor  # type: ignore[import-untyped]

from faults.history import History

Row = dict[str, Any]
DatabaseUnavailable: tuple[type[Exception], ...] = (psycopg2.OperationalError, psycopg2.InterfaceError)
"""The errors that a query raises because the server is unavailable, not because the query is wrong."""

TRIGGERS = """
CREATE TABLE seen_jobs (
    n bigserial PRIMARY KEY, at float8, video uuid, was text, state text, held_token uuid, token uuid,
    owner text, attempt int, rescues int, setbacks int, run_at float8, output_key text, error_code text);
CREATE TABLE seen_videos (
    n bigserial PRIMARY KEY, at float8, video uuid, status text, processed_key text, was_deleted bool, deleted bool);
CREATE FUNCTION see_job() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE noted seen_jobs;
BEGIN
    INSERT INTO seen_jobs (at, video, was, state, held_token, token, owner, attempt, rescues, setbacks, run_at,
                           output_key, error_code)
    VALUES (extract(epoch from clock_timestamp()), NEW.video_id, CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.state END,
            NEW.state, CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE OLD.lease_token END, NEW.lease_token, NEW.lease_owner,
            NEW.attempt, NEW.rescues, NEW.setbacks, NEW.run_at, NEW.output_key, NEW.error_code)
    RETURNING * INTO noted;
    PERFORM pg_notify('seen_jobs', row_to_json(noted)::text);
    RETURN NULL;
END $$;
CREATE FUNCTION see_video() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen_videos (at, video, status, processed_key, was_deleted, deleted)
    VALUES (extract(epoch from clock_timestamp()), NEW.id, NEW.status, NEW.processed_key,
            OLD.deleted_at IS NOT NULL, NEW.deleted_at IS NOT NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER see_new_job AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION see_job();
CREATE TRIGGER see_job AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.lease_token IS DISTINCT FROM NEW.lease_token
          OR OLD.output_key IS DISTINCT FROM NEW.output_key) EXECUTE FUNCTION see_job();
CREATE TRIGGER see_video AFTER UPDATE ON videos FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.processed_key IS DISTINCT FROM NEW.processed_key
          OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) EXECUTE FUNCTION see_video();
"""

UNFINISHED = "SELECT count(*) AS n FROM jobs WHERE state IN ('queued', 'running')"
HELD = "SELECT video_id::text AS video FROM jobs WHERE lease_owner LIKE '%%:' || %s AND state = 'running'"
HOLDER = "SELECT lease_owner FROM jobs WHERE video_id = %s AND state = 'running'"

LISTEN_SECONDS = 0.5


@dataclass
class Ledger:
    """Reads the site's database directly, not through a proxy, and calls the listeners for each transition of a job."""

    url: str
    history: History
    listeners: list[Callable[[Row], None]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def watch(self) -> None:
        """Install the triggers, and listen for their notifications."""
        with self._connected() as connection, connection.cursor() as cursor:
            cursor.execute(TRIGGERS)
        listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(listening,), name="ledger", daemon=True)
        self._thread.start()
        listening.wait(10)

    def close(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def rows(self, query: str, *values: object) -> list[Row]:
        """Return the rows of a query. Raises psycopg2's errors."""
        with self._connected() as connection:
            return _rows(connection, query, *values)

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str], list[Row]]]:
        """Yield a function that runs queries. All of them see the snapshot that the first query takes."""
        with self._connected() as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
            yield lambda query: _rows(connection, query)

    def unfinished(self, unknown: int = 0) -> int:
        """Return the number of queued or running jobs, or `unknown` if the database is unavailable."""
        with contextlib.suppress(*DatabaseUnavailable):
            return int(self.rows(UNFINISHED)[0]["n"])
        return unknown

    def holder(self, video: str) -> int | None:
        """Return the ID of the process that holds a video's job; None if no process does or the database is down."""
        with contextlib.suppress(*DatabaseUnavailable):
            return next((pid_of(row["lease_owner"]) for row in self.rows(HOLDER, video)), None)
        return None

    def held_by(self, pid: int) -> str | None:
        """Return the video whose job a process holds; None if it holds none or the database is down."""
        with contextlib.suppress(*DatabaseUnavailable):
            return next((row["video"] for row in self.rows(HELD, str(pid))), None)
        return None

    @contextmanager
    def _connected(self) -> "Iterator[psycopg2.extensions.connection]":
        connection = psycopg2.connect(self.url, connect_timeout=2, application_name="harness")
        try:
            connection.autocommit = True
            yield connection
        finally:
            connection.close()

    def _listen(self, listening: threading.Event) -> None:
        while not self._over.is_set():
            with contextlib.suppress(*DatabaseUnavailable), self._connected() as connection:
                connection.cursor().execute("LISTEN seen_jobs")
                listening.set()
                while not self._over.is_set():
                    self._poll(connection)
            self._over.wait(0.1)

    def _poll(self, connection: "psycopg2.extensions.connection") -> None:
        select.select([connection], [], [], LISTEN_SECONDS)
        connection.poll()
        while connection.notifies:
            row: Row = json.loads(connection.notifies.pop(0).payload)
            facts = {name: row[name] for name in ("video", "owner", "attempt", "rescues", "setbacks", "error_code")}
            self.history.note("ledger", f"{row['was'] or 'new'}>{row['state']}", token=row["token"], **facts)
            for listener in list(self.listeners):
                listener(row)


def _rows(connection: "psycopg2.extensions.connection", query: str, *values: object) -> list[Row]:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(query, values)
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []


def pid_of(lease_owner: str | None) -> int | None:
    """Return the process ID from a lease owner, which has the form `host:pid`."""
    return int(lease_owner.rpartition(":")[2]) if lease_owner else None
