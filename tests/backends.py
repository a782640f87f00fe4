"""Real PostgreSQL and Redis for tests: each on a free port of 127.0.0.1, stopped by process id."""

import contextlib
import grp
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee
import pytest
import redis

from demo.ports import free_port

START_SECONDS = 60
UNPRIVILEGED_USERS = ("postgres", "nobody")


def wait_until(done: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
    """Poll `done` until it is true; fail the test when it has not become true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)


class Subprocess:
    """A child that dies with the test run, and writes what it says into a file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: dict[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str | None = None,
    ) -> None:
        self.command = command
        self.log = log
        self._stop_signal = stop_signal
        as_user = [f"--reuid={user}", f"--regid={user_group(user)}", "--clear-groups"] if user else []
        dying_with_us = ["setpriv", "--pdeathsig", "KILL", *as_user, "--"] if shutil.which("setpriv") else []
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*dying_with_us, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=log.parent if user is None else "/",
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self, *, seconds: float = 15) -> int:
        """Ask it to end, kill it when it does not; its exit code."""
        if self.running:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def wait_until(self, done: Callable[[], bool], *, what: str) -> None:
        def done_or_dead() -> bool:
            return done() or not self.running

        wait_until(done_or_dead, what=what)
        if not self.running:
            pytest.fail(f"{self.command[0]} ended at once:\n{self.log.read_text(errors='replace')[-4000:]}")


def user_group(user: str) -> str:
    """The name of the user's own group (nobody's is nogroup)."""
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL server."""

    port: int
    password: str

    def url(self, database: str, *, port: int | None = None) -> str:
        """Where `database` is; `port` when something stands between us and the server."""
        return f"postgresql://stars:{self.password}@127.0.0.1:{port or self.port}/{database}"

    @contextmanager
    def connected(self, database: str) -> Iterator[Any]:
        """A connection that commits each statement."""
        opened = peewee.PostgresqlDatabase(database, dsn=self.url(database), connect_timeout=2)
        with opened.connection_context():
            yield opened

    def create_database(self) -> str:
        """Create a database nobody else uses and return its name."""
        name = f"stars_{secrets.token_hex(6)}"
        with self.connected("postgres") as database:
            database.execute_sql(f'CREATE DATABASE "{name}"')
        return name


@dataclass(frozen=True)
class Redis:
    """A running Redis server."""

    port: int
    password: str

    def url(self, database: int, *, port: int | None = None) -> str:
        """Where the numbered database is; `port` when something stands between us and the server."""
        return f"redis://:{self.password}@127.0.0.1:{port or self.port}/{database}"


def postgres_programs() -> Path:
    """The folder with initdb and postgres; the test is skipped where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return Path(on_path).resolve().parent


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of our own. It refuses to run as root, so as root it runs as somebody else."""
    programs = postgres_programs()
    user = next(filter(user_exists, UNPRIVILEGED_USERS)) if os.geteuid() == 0 else None
    # Not below pytest's temporary directory: that one is closed to the other user.
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
            pytest.fail(f"initdb failed:\n{initdb.log.read_text()}")
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


@contextmanager
def running_redis(home: Path) -> Iterator[Redis]:
    """A Redis server of our own, with a password, that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    server_at = Redis(free_port(), secrets.token_hex(16))
    configuration = home / "redis.conf"
    configuration.write_text(
        f"port {server_at.port}\nbind 127.0.0.1\nrequirepass {server_at.password}\n"
        f'databases 1000\nsave ""\nappendonly no\ndir {home}\n'
    )
    server = Subprocess([program, str(configuration)], log=home / "redis.log")
    try:
        server.wait_until(lambda: _redis_answers(server_at), what="Redis's start")
        yield server_at
    finally:
        server.stop()


def _redis_answers(server: Redis) -> bool:
    try:
        with redis.Redis.from_url(server.url(0), socket_timeout=2) as client:
            return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


class Cable:
    """A connection to a server that a test can cut, and plug in again.

    Cut: open connections are closed, new ones refused. Muffled: new ones are accepted, and nobody answers.
    """

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._muffled = False
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.plug_in()

    def plug_in(self) -> None:
        """Forward again."""
        self.cut()
        self._muffled = False
        self._listen()

    def muffle(self) -> None:
        """Accept, and answer nothing: a host that hangs, or a firewall that drops."""
        self.cut()
        self._muffled = True
        self._listen()

    def cut(self) -> None:
        """Close all connections and the door."""
        if self._listener is not None:
            # close() alone does not wake a thread inside accept().
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        while self._open:
            _hang_up(self._open.pop())

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self._open.append(near)
            if self._muffled:
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                _hang_up(near)
                continue
            self._open.append(far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_forward, args=(source, sink), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        _hang_up(sink)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
