"""A real PostgreSQL server on a free port of 127.0.0.1."""

import os
import pwd
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee

from demo.ports import free_port
from testing.processes import Subprocess, user_group, wait_until
from testing.programs import postgres_programs

UNPRIVILEGED_USERS = ("postgres", "nobody")
PASSWORD_FILE = "password"
INITDB_OPTIONS = ("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}
"""The server's settings: fast but not durable, because the data of tests need not survive a crash of the machine."""


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL server."""

    port: int
    password: str

    def url(self, database: str, *, port: int | None = None) -> str:
        """Return the URL of `database`; `port` is a proxy's port, if there is a proxy."""
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
def running_postgres(settings: Mapping[str, str] = SETTINGS) -> Iterator[Postgres]:
    """Run a new PostgreSQL server with `SETTINGS`, of which `settings` replace some."""
    postgres = Postgres(free_port(), secrets.token_hex(16))
    home = create_home(postgres.password)
    try:
        initialize(Subprocess(initdb_command(home), log=home / "initdb.log", user=server_user()))
        command = server_command(home, {**SETTINGS, **settings, "port": str(postgres.port)})
        server = Subprocess(command, log=home / "postgres.log", stop_signal=signal.SIGINT, user=server_user())
        try:
            server.wait_until(lambda: _postgres_answers(postgres), what="PostgreSQL's start")
            yield postgres
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def server_user() -> str | None:
    """Return the user to run PostgreSQL as; None for the current user. PostgreSQL refuses to run as root."""
    return next(filter(user_exists, UNPRIVILEGED_USERS)) if os.geteuid() == 0 else None


def create_home(password: str) -> Path:
    """Create a folder, owned by `server_user()`, for a cluster and its superuser's password.

    The folder is not in pytest's temporary directory, because `server_user()` has no access to that directory.
    """
    home = Path(tempfile.mkdtemp(prefix="rising-stars-postgres-"))
    (home / PASSWORD_FILE).write_text(password)
    if user := server_user():
        for path in (home, home / PASSWORD_FILE):
            shutil.chown(path, user, user_group(user))
    return home


def initdb_command(home: Path) -> list[str]:
    """Return the command that creates a cluster in `home`, with the superuser `stars`."""
    access = ["--username=stars", f"--pwfile={home / PASSWORD_FILE}", "--auth=scram-sha-256"]
    return [str(postgres_programs() / "initdb"), f"--pgdata={home / 'data'}", *access, *INITDB_OPTIONS]


def initialize(initdb: Subprocess) -> None:
    """Wait until initdb has created the cluster.

    Raises:
        AssertionError: initdb failed; the message contains its output.
    """
    wait_until(lambda: not initdb.running, what="initdb's end")
    if initdb.stop() != 0:
        raise AssertionError(f"initdb failed:\n{initdb.log.read_text()}")


def server_command(home: Path, settings: Mapping[str, str]) -> list[str]:
    """Return the command that runs a server on the cluster in `home`, with `settings`."""
    options = [f"-c{name}={value}" for name, value in settings.items()]
    return [str(postgres_programs() / "postgres"), f"-D{home / 'data'}", *options]


def user_exists(name: str) -> bool:
    """Whether the machine has an account of that name."""
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _postgres_answers(postgres: Postgres) -> bool:
    try:
        with postgres.connected("postgres"):
            return True
    except peewee.OperationalError:
        return False
