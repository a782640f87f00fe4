"""Real PostgreSQL, Redis and SeaweedFS servers, which can be killed and restarted on the same port."""

import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from unittest import mock

import redis

from demo.ports import free_port
from demo.seaweedfs import SeaweedFS
from testing.postgres import Postgres, create_home, initdb_command, initialize, server_command, server_user
from testing.processes import Subprocess
from testing.programs import redis_server
from testing.redis_server import Redis

T = TypeVar("T")

POSTGRES_SETTINGS = {
    "max_connections": "100",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_line_prefix": "%m [%p] %a ",
    "log_min_duration_statement": "2000",
}
"""These settings do not trade durability for speed: an acknowledged commit must survive an immediate shutdown."""


class Starter:
    """Starts all processes in one thread, which lives as long as they do.

    The kernel kills a process when the thread that started it ends (`setpriv --pdeathsig`).
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="starter")

    def do(self, act: Callable[[], T]) -> T:
        """Run `act` in the starter's thread, and return its result."""
        return self._thread.submit(act).result()

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)


class PostgresServer:
    """A PostgreSQL server with a new database cluster."""

    def __init__(self, log: Path, starter: Starter) -> None:
        self.at = Postgres(free_port(), secrets.token_hex(16))
        self.log = log
        self._starter = starter
        self._home = create_home(self.at.password)
        self._server: Subprocess | None = None

    def create(self) -> None:
        initialize(self._run(initdb_command(self._home)))

    def start(self) -> None:
        command = server_command(self._home, {**POSTGRES_SETTINGS, "port": str(self.at.port)})
        self._server = self._run(command, stop_signal=signal.SIGINT)
        self._server.wait_until(self.answers, what="PostgreSQL's start")

    def crash(self) -> None:
        """Stop immediately, as in a power failure: only what is in the write-ahead log survives."""
        if self._server is not None:
            os.kill(self._server.pid, signal.SIGQUIT)
            self._server.stop()

    def answers(self) -> bool:
        with contextlib.suppress(Exception), self.at.connected("postgres"):
            return True
        return False

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, command: list[str], *, stop_signal: signal.Signals = signal.SIGTERM) -> Subprocess:
        return self._starter.do(lambda: Subprocess(command, log=self.log, user=server_user(), stop_signal=stop_signal))


class RedisServer:
    """A Redis server with a password and without persistence, so that it restarts empty."""

    def __init__(self, log: Path, starter: Starter) -> None:
        self.at = Redis(free_port(), secrets.token_hex(16))
        self._log = log
        self._starter = starter
        self._server: Subprocess | None = None

    def start(self) -> None:
        configuration = self._log.with_suffix(".conf")
        configuration.write_text(
            f"port {self.at.port}\nbind 127.0.0.1\nrequirepass {self.at.password}\n"
            f'databases 100\nsave ""\nappendonly no\ndir {self._log.parent}\n'
        )
        command = [str(redis_server()), str(configuration)]
        self._server = self._starter.do(lambda: Subprocess(command, log=self._log))
        self._server.wait_until(self.answers, what="Redis's start")

    def kill(self) -> None:
        if self._server is not None:
            os.kill(self._server.pid, signal.SIGKILL)
            self._server.stop()

    @contextmanager
    def client(self, number: int) -> "Iterator[redis.Redis]":
        with redis.Redis.from_url(self.at.url(number), socket_timeout=2) as client:
            yield client

    def answers(self) -> bool:
        with contextlib.suppress(redis.exceptions.RedisError), self.client(0) as client:
            return bool(client.ping())
        return False

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()


@dataclass(frozen=True)
class Servers:
    """The servers that a site depends on."""

    starter: Starter
    postgres: PostgresServer
    redis: RedisServer
    seaweedfs: SeaweedFS


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """Run all three servers until the `with` block ends. Call it from the main thread."""
    with ExitStack() as stack:
        starter = Starter()
        stack.callback(starter.close)
        postgres = PostgresServer(folder / "postgres.log", starter)
        (folder / "postgres.log").touch()
        stack.callback(postgres.close)
        postgres.create()
        postgres.start()
        redis_server = RedisServer(folder / "redis.log", starter)
        stack.callback(redis_server.close)
        redis_server.start()
        seaweedfs = SeaweedFS(folder / "objects", log=folder / "seaweedfs.log")
        # Each site creates a bucket. By default, SeaweedFS reserves seven of its hundred volumes for each new bucket;
        # reserve only one.
        with mock.patch.dict(os.environ, {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}):
            stack.enter_context(seaweedfs)
        yield Servers(starter, postgres, redis_server, seaweedfs)
