"""A real Redis server on a free port of 127.0.0.1."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from demo.ports import free_port
from testing.processes import Subprocess
from testing.programs import redis_server


@dataclass(frozen=True)
class Redis:
    """A running Redis server."""

    port: int
    password: str

    def url(self, database: int, *, port: int | None = None) -> str:
        """Return the URL of the numbered database; `port` is a proxy's port, if there is a proxy."""
        return f"redis://:{self.password}@127.0.0.1:{port or self.port}/{database}"


@contextmanager
def running_redis(home: Path) -> Iterator[Redis]:
    """Run a new Redis server with a password and without persistence."""
    redis_at = Redis(free_port(), secrets.token_hex(16))
    configuration = home / "redis.conf"
    configuration.write_text(
        f"port {redis_at.port}\nbind 127.0.0.1\nrequirepass {redis_at.password}\n"
        f'databases 1000\nsave ""\nappendonly no\ndir {home}\n'
    )
    server = Subprocess([str(redis_server()), str(configuration)], log=home / "redis.log")
    try:
        server.wait_until(lambda: _redis_answers(redis_at), what="Redis's start")
        yield redis_at
    finally:
        server.stop()


def _redis_answers(server: Redis) -> bool:
    try:
        with redis.Redis.from_url(server.url(0), socket_timeout=2) as client:
            return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False
