"""A real PostgreSQL server on a free port of 127.0.0.1."""

import os
import pwd
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee

from demo.ports import free_port
from testing.processes import Subprocess, user_group, wait_until
from testing.programs import postgres_programs

UNPRIVILEGED_USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL server."""

    port: int
    password: str

    def url(self, database: str, *, port: int | None = None) -> str:
        """Return the URL of `database`; `port` is that of a proxy, if there is one."""
        return f"postgresql://stars:{self.password}@127.0.0.1:{port or self.port}/{database}"

    @contextmanager
    def connected(self, database: str) -> Iterator[Any]:
        """Yield a connection that commits each statement."""
        opened = peewee.PostgresqlDatabase(database, dsn=self.url(database), connect_timeout=2)
        with opened.connection_context():
            yield opened

    def create_database(self) -> str:
        """Create a new database, and return its name."""
        name = f"stars_{secrets.token_hex(6)}"
        with self.connected("postgres") as database:
            database.execute_sql(f'CREATE DATABASE "{name}"')
        return name


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a new PostgreSQL server. It refuses to run as root, so a test run as root starts it as another user."""
    programs = postgres_programs()
    user = next(filter(user_exists, UNPRIVILEGED_USERS)) if os.geteuid() == 0 else None
    # Not below pytest's temporary directory, which the other user may not enter.
    home = Path(tempfile.mkdtemp(prefix="rising-stars-postgres-"))
    try:
        postgres = Postgres(free_port(), secrets.token_hex(16))
        password_file = home / "password"
        password_file.write_text(postgres.password)
        if user:
            for path in (home, password_file):
                shutil.chown(path, user, user_group(user))
        data = home / "data"
        initdb = Subprocess(
            [
                str(programs / "initdb"),
                f"--pgdata={data}",
                "--username=stars",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            log=home / "initdb.log",
            user=user,
        )
        wait_until(lambda: not initdb.running, what="initdb's end")
        if initdb.stop() != 0:
            raise AssertionError(f"initdb failed:\n{initdb.log.read_text()}")
        settings = {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(postgres.port),
        }
        server = Subprocess(
            [
                str(programs / "postgres"),
                f"-D{data}",
                *(f"-c{name}={value}" for name, value in settings.items()),
            ],
            log=home / "postgres.log",
            stop_signal=signal.SIGINT,
            user=user,
        )
        try:
            server.wait_until(lambda: _postgres_answers(postgres), what="PostgreSQL's start")
            yield postgres
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def user_exists(name: str) -> bool:
    """Whether the machine has an account of that name."""
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _postgres_answers(postgres: Postgres) -> bool:
    try:
        with postgres.connected("postgres"):
            return True
    except peewee.OperationalError:
        return False
