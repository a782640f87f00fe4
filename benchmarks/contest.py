"""A contest for the measurements of the API: a durable PostgreSQL server with players, clips and votes, and an API."""

import hashlib
import importlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import psutil

from app.config import ApiSettings, load_settings
from app.services import build_tokens
from benchmarks.load import Load, measure_load
from benchmarks.parts import running_bench
from testing.postgres import Postgres, running_postgres
from testing.programs import postgres_programs
from testing.redis_server import Redis, running_redis

THREADS = 16
CONNECTIONS = 16
SECONDS = 3.0
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}
"""Settings of the server under measurement: a committed vote survives a crash."""

LIMITS = (
    "VOTE_LIMIT_PER_ACCOUNT",
    "VOTE_LIMIT_PER_ADDRESS",
    "LOGIN_LIMIT_PER_ADDRESS",
    "LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS",
    "LOGIN_LIMIT_PER_ACCOUNT",
)
UNLIMITED = dict.fromkeys(LIMITS, "1000000 per 1 minute")
OTHER_STATEMENTS = ("SELECT 1", "SELECT extract")
"""Statements that no request needs: the pool's probe of a connection, and the check of readiness in the background."""

CITIES = 20
VOTERS = 20_000
OWN_CLIPS = 30

FILL = (
    """INSERT INTO users (id, email, password_hash, first_name, last_name, city, city_key, is_active, created_at,
                          last_claimed_at)
       SELECT md5('user' || n)::uuid, 'user' || n || '@example.com', '!', 'Player', 'Number ' || n,
              'City ' || n % {cities}, 'city ' || n % {cities}, true, 1e9 + n, 0
       FROM generate_series(0, {users} - 1) AS n""",
    """INSERT INTO videos (id, user_id, title, status, original_key, processed_key, poster_key, votes, uploaded_at,
                           processed_at, published_at)
       SELECT md5('video' || n)::uuid, md5('user' || (n / {clips}))::uuid, 'Clip ' || n, 'processed',
              'unprocessed-videos/' || n || '.mp4',
              'processed-videos/' || md5('video' || n)::uuid || '/' || md5('lease' || n)::uuid || '.mp4',
              'posters/' || md5('video' || n)::uuid || '/' || md5('lease' || n)::uuid || '.jpg',
              ceil({votes} / sqrt(1 + n * 7919 % {videos}) / (2 * sqrt({videos}))), 1e9 + n, 1e9 + n, 1e9 + n
       FROM generate_series(0, {videos} - 1) AS n""",
    """INSERT INTO votes (user_id, video_id, created_at)
       SELECT md5('user' || n)::uuid, videos.id, 1e9 FROM videos, generate_series(0, videos.votes - 1) AS n""",
    """INSERT INTO sessions (id, user_id, created_at, expires_at)
       SELECT id, id, 1e9, 1e10 FROM users""",
)
"""Statements that fill the database. Every player has as many clips as `OWN_CLIPS`; a few clips have many votes."""


SUMMARIZE = importlib.import_module("app.db.migrations.0009_list_indexes").STATEMENTS[:3]
"""The migration's statements that compute the standings of existing clips."""


@dataclass(frozen=True)
class Contest:
    """A running API with its database."""

    url: str
    server: psutil.Process
    postgres: Postgres
    name: str
    environment: dict[str, str]
    videos: int

    def read(self, requests: Sequence[bytes], *, seconds: float = SECONDS) -> Load:
        """Measure reads."""
        return measure_load(self.url, requests, self.server, connections=CONNECTIONS, seconds=seconds)

    def tokens(self, users: Sequence[int]) -> list[str]:
        """Return access tokens of users, named by their numbers."""
        with mock.patch.dict(os.environ, self.environment, clear=True):
            tokens = build_tokens(load_settings(ApiSettings))
        return [tokens.issue_access(user_id(number), user_id(number)) for number in users]

    def statements_of(self, request: bytes) -> list[str]:
        """Return the SQL that one request sends, with its values. Probes of connections (`SELECT 1`) are omitted."""
        with self._logging_statements() as log:
            begun = log.stat().st_size
            measure_load(self.url, [request], self.server, connections=1, seconds=60, once=True)
            time.sleep(0.2)
            with log.open() as lines:
                lines.seek(begun)
                text = lines.read()
        entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", text, flags=re.MULTILINE)
        marked = [entry.partition("statement: ")[2].strip() for entry in entries if f"{self.name} " in entry]
        return [sql for sql in marked if sql and not sql.startswith(OTHER_STATEMENTS)]

    @contextmanager
    def _logging_statements(self) -> Iterator[Path]:
        with self.postgres.connected("postgres") as admin:
            (folder,) = admin.execute_sql("SHOW data_directory").fetchone()
            for command in ("ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM SET log_line_prefix = '%m %d '"):
                admin.execute_sql(command.replace("%", "%%"))
            admin.execute_sql("SELECT pg_reload_conf()")
            time.sleep(0.5)
            try:
                yield Path(folder).parent / "postgres.log"
            finally:
                admin.execute_sql("ALTER SYSTEM RESET log_statement")
                admin.execute_sql("SELECT pg_reload_conf()")

    def transactions_per_second(self, script: str, *, clients: int, seconds: float = SECONDS) -> float:
        """Run a script with pgbench, using prepared statements, and return the transactions per second."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            options = ["-n", "-M", "prepared", "-c", str(clients), "-T", str(max(1, round(seconds))), "-f", file.name]
            result = subprocess.run(
                [
                    postgres_programs() / "pgbench",
                    *options,
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(self.postgres.port),
                    self.name,
                ],
                env={"PGUSER": "stars", "PGPASSWORD": self.postgres.password, "PATH": os.environ["PATH"]},
                check=True,
                capture_output=True,
                text=True,
            )
        return float(re.search(r"tps = ([\d.]+)", result.stdout).group(1))  # type: ignore[union-attr]


def user_id(number: int) -> UUID:
    """Return the id of a user that `FILL` creates."""
    return _md5(f"user{number}")


def video_id(number: int) -> UUID:
    """Return the id of a video that `FILL` creates."""
    return _md5(f"video{number}")


def _md5(text: str) -> UUID:
    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


@contextmanager
def running_contest(*, videos: int, votes: int) -> Iterator[Contest]:
    """Run a server and an API with so many clips and (roughly) so many votes."""
    with running_servers() as (postgres, redis):
        name = postgres.create_database()
        with running_bench(redis.url(1), database_url=postgres.url(name), settings=UNLIMITED) as bench:
            with postgres.connected(name) as admin:
                _fill(admin, videos, votes)
            url, server = bench.start_api(threads=THREADS)
            yield Contest(url, server, postgres, name, bench.environment, videos)


@contextmanager
def running_servers() -> Iterator[tuple[Postgres, Redis]]:
    """Run a durable PostgreSQL server and a Redis server."""
    with (
        running_postgres(DURABLE) as postgres,
        tempfile.TemporaryDirectory(prefix="rising-stars-bench-") as folder,
        running_redis(Path(folder)) as redis,
    ):
        yield postgres, redis


def _fill(admin: Any, videos: int, votes: int) -> None:
    sizes = {"videos": videos, "votes": votes, "users": VOTERS, "clips": OWN_CLIPS, "cities": CITIES}
    admin.execute_sql("SET session_replication_role = replica")  # no triggers and no checks of references
    for statement in (*(sql.format(**sizes) for sql in FILL), *SUMMARIZE):
        admin.execute_sql(statement.replace("%", "%%"))
    admin.execute_sql("RESET session_replication_role")
    admin.execute_sql("VACUUM ANALYZE")
    admin.execute_sql("CHECKPOINT")
