"""A process opens only as many PostgreSQL connections as its setting allows. If none is free, a thread waits."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import httpx
import pytest
from peewee import OperationalError
from playhouse.pool import MaxConnectionsExceeded

from app.db import database as module
from app.db.database import database, open_database
from demo.ports import free_port
from testing.postgres import Postgres
from testing.sites import SiteMaker

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rising-stars' AND datname = %s"


@pytest.fixture
def name(postgres: Postgres) -> str:
    return postgres.create_database()


@contextmanager
def pool_of(url: str, max_connections: int) -> Iterator[None]:
    pool = open_database(url, max_connections=max_connections)
    try:
        yield
    finally:
        pool.close_all()  # type: ignore[attr-defined]


@contextmanager
def most_connections(postgres: Postgres, name: str) -> Iterator[list[int]]:
    """Yield a list. Every few milliseconds, append the number of the platform's connections to the database."""
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        with postgres.connected("postgres") as admin:
            while not done.is_set():
                seen.extend(admin.execute_sql(CONNECTIONS, (name,)).fetchone())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def sleep_in_database(seconds: float) -> None:
    try:
        database.execute_sql("SELECT pg_sleep(%s)", (seconds,))
    finally:
        database.close()


def test_twelve_threads_share_three_connections(postgres: Postgres, name: str) -> None:
    with pool_of(postgres.url(name), 3), most_connections(postgres, name) as seen, ThreadPoolExecutor(12) as threads:
        list(threads.map(sleep_in_database, [0.1] * 24))
    assert max(seen) == 3


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POOL_WAIT_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_thread_for_which_no_connection_becomes_free_in_time_fails(postgres: Postgres, name: str) -> None:
    with pool_of(postgres.url(name), 1), ThreadPoolExecutor(1) as threads:
        database.connect()
        waiting = threads.submit(sleep_in_database, 0)
        with pytest.raises(MaxConnectionsExceeded):
            waiting.result(timeout=5)
        database.close()
        threads.submit(sleep_in_database, 0).result(timeout=5)


@pytest.mark.usefixtures("impatient")
def test_a_failed_attempt_to_connect_leaves_its_place_free() -> None:
    with pool_of(f"postgresql://stars:x@127.0.0.1:{free_port()}/none", 1):
        for _ in range(3):
            with pytest.raises(OperationalError):
                database.connect()


@pytest.mark.usefixtures("impatient")
def test_connections_that_the_server_ended_are_replaced(postgres: Postgres, name: str) -> None:
    with pool_of(postgres.url(name), 2), ThreadPoolExecutor(2) as threads:
        for _ in range(3):
            list(threads.map(sleep_in_database, [0.05] * 2))
            with postgres.connected("postgres") as admin:
                admin.execute_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


@pytest.mark.only_on("production")
def test_one_connection_serves_sixteen_requests_at_once(make_site: SiteMaker) -> None:
    site = make_site(API_DATABASE_CONNECTIONS="1")
    player = site.sign_up()
    login = {"email": player.email, "password": player.password}
    with httpx.Client(base_url=site.url, timeout=60, trust_env=False) as client:
        calls: list[Callable[[], httpx.Response]] = [
            partial(client.get, "/api/public/rankings"),
            partial(client.post, "/api/auth/login", json=login),
        ]
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda call: call(), calls * 8))
    assert {answer.status_code for answer in answers} == {200}


def statements_sent(postgres: Postgres, name: str) -> list[str]:
    """Return the last statement of each of the platform's connections to the database."""
    with postgres.connected("postgres") as admin:
        rows = admin.execute_sql(
            "SELECT query FROM pg_stat_activity WHERE application_name = 'rising-stars' AND datname = %s", (name,)
        )
        return [query for (query,) in rows.fetchall()]


def test_a_connection_is_reused_without_a_statement_of_its_own(postgres: Postgres, name: str) -> None:
    with pool_of(postgres.url(name), 2):
        database.execute_sql("SELECT 42")
        database.close()
        database.connect()
        assert statements_sent(postgres, name) == ["SELECT 42"]
        database.close()


def test_connections_that_the_server_closed_are_replaced_and_no_query_fails(postgres: Postgres, name: str) -> None:
    def ask(_: int) -> int:
        try:
            (pid,) = database.execute_sql("SELECT pg_backend_pid() FROM pg_sleep(0.05)").fetchone()
            return int(pid)
        finally:
            database.close()

    with pool_of(postgres.url(name), 4), ThreadPoolExecutor(4) as threads:
        before = set(threads.map(ask, range(16)))
        with postgres.connected("postgres") as admin:
            admin.execute_sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
        after = set(threads.map(ask, range(16)))
    assert len(before) == 4
    assert before.isdisjoint(after)
