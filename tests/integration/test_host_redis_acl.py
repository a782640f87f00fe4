"""The queue's ACL file allows every Redis command that a site uses, and no others."""

import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from app.host.environment_file import render
from app.host.redis_acl import COMMANDS, KEYS
from demo.ports import free_port
from testing import sites
from testing.homes import PROGRAMS, Backend, Home
from testing.processes import Subprocess, wait_until
from testing.programs import redis_server

PASSWORD = "pass word#:/@%'é"
FORBIDDEN = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "dir", "/srv"),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("DEBUG", "SLEEP", "0"),
    ("SHUTDOWN", "NOSAVE"),
    ("SAVE",),
    ("BGREWRITEAOF",),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("MODULE", "LIST"),
    ("MONITOR",),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("INFO",),
    ("EVAL", "return 1", "0"),
    ("SCRIPT", "FLUSH"),
    ("FUNCTION", "LIST"),
    ("PUBLISH", "a", "b"),
    ("SELECT", "1"),
    ("SET", "elsewhere", "1"),
    ("GET", "elsewhere"),
    ("ZADD", "huey.redis.another", "1", "x"),
)


@dataclass(frozen=True)
class Guarded:
    """A Redis server with the ACL file that `rising-stars host` wrote."""

    port: int
    acl: Path
    server: Subprocess

    @property
    def url(self) -> str:
        return f"redis://stars:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url, socket_timeout=5, decode_responses=True)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    program = str(redis_server())
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    made = Guarded(port, folder / "users.acl", None)  # type: ignore[arg-type] # started below, with this URL
    (folder / "site.env").write_text(render({"S3_BUCKET": "clips", "QUEUE_URL": made.url}))
    command = [str(PROGRAMS / "rising-stars"), "host", "redis-acl"]
    options = ["--env", str(folder / "site.env"), "--out", str(made.acl)]
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    (folder / "redis.conf").write_text(
        f'port {port}\nbind 127.0.0.1\naclfile {made.acl}\nsave ""\nappendonly no\n'
        f"enable-debug-command yes\ndir {folder}\n"
    )
    server = Subprocess([program, str(folder / "redis.conf")], log=folder / "redis.log")
    try:
        server.wait_until(lambda: answers(made), what="Redis's start")
        yield Guarded(port, made.acl, server)
    finally:
        server.stop()


def answers(guarded: Guarded) -> bool:
    try:
        with guarded.client() as client:
            return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


def test_only_its_owner_can_read_the_file_and_it_does_not_contain_the_password(guarded: Guarded) -> None:
    assert stat.S_IMODE(guarded.acl.stat().st_mode) == 0o600
    assert PASSWORD not in guarded.acl.read_text()


def test_the_password_is_required(guarded: Guarded) -> None:
    for url in (f"redis://127.0.0.1:{guarded.port}", f"redis://stars:wrong@127.0.0.1:{guarded.port}"):
        with redis.Redis.from_url(url) as client, pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()


@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
def test_commands_that_the_platform_does_not_use_are_refused(guarded: Guarded, command: tuple[str, ...]) -> None:
    with guarded.client() as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


def test_a_complete_site_works_with_the_acl_file(
    guarded: Guarded, new_home: Callable[[Backend], Home], small_clip: Path
) -> None:
    """The test uses every queue operation: it sends and receives doorbells, and reaches and resets rate limits."""
    limits = {"LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS": "3 per 2 second"}
    home = new_home("production").with_settings(QUEUE_URL=guarded.url, **limits)
    with sites.running_site(home, with_worker=True) as site:
        player = site.sign_up()
        video = player.upload(small_clip).json()["task_id"]
        site.wait_until(player, video, "processed")
        assert player.vote(video).status_code == 200
        assert player.log_in()
        wrong = {"email": player.email, "password": "wrong password"}
        for _ in range(3):
            wait_until(
                lambda: site.api.post("/api/auth/login", json=wrong).status_code == 429, what="a limit", seconds=10
            )
            wait_until(
                lambda: site.api.post("/api/auth/login", json=wrong).status_code == 401, what="its end", seconds=10
            )
        assert site.api.get("/ready?deep=1").json()["queue"] == "ok"
        metrics = site.api.get("/metrics").text
        said = site.log
    assert "rising_stars_limits_failed_open_total 0.0" in metrics
    assert "NOPERM" not in said
    assert "no permissions" not in said.lower()


def test_no_command_is_listed_twice_and_no_key_pattern_begins_with_a_wildcard() -> None:
    assert len(set(COMMANDS)) == len(COMMANDS)
    assert not [key for key in KEYS if key.startswith("*")]


@pytest.mark.parametrize("queue", ["", "sqlite:////tmp/queue.db", "redis://:password@host:6379/0"])
def test_an_environment_without_a_redis_user_and_password_is_refused(queue: str, tmp_path: Path) -> None:
    (tmp_path / "site.env").write_text(render({"QUEUE_URL": queue}))
    command = [str(PROGRAMS / "rising-stars"), "host", "redis-acl", "--env", str(tmp_path / "site.env")]
    run = subprocess.run([*command, "--out", str(tmp_path / "acl")], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "no Redis with a user and a password" in run.stderr
    assert not (tmp_path / "acl").exists()
