"""The cost of a public read does not grow with the contest: EXPLAIN shows only index scans, and no large sort."""

import importlib
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from app.db.database import database, on_postgresql, open_database
from app.db.models import Video
from app.showcase.catalogue import Order, get_public, list_public
from app.showcase.rankings import rank
from app.showcase.shuffling import list_shuffled
from app.showcase.standings import players_with_wrong_standings
from testing.homes import Home

VIDEOS, PLAYERS, CITIES = 50_000, 20_000, 20
PAGE, DEEP = 100, 1_000
NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count})"
FILL = (
    NUMBERS.format(count=PLAYERS) + " INSERT INTO users (id, email, password_hash, first_name, last_name, city,"  # noqa: S608
    " city_key, is_active, created_at, last_claimed_at)"
    " SELECT {id}, n || '@example.com', '!', 'Ana', 'Number ' || n, 'City ' || (n % {cities}),"
    " 'city ' || (n % {cities}), true, n, 0 FROM numbers",
    NUMBERS.format(count=VIDEOS) + " INSERT INTO videos (id, user_id, title, status, votes, uploaded_at, processed_at,"  # noqa: S608
    " published_at) SELECT {id}, {owner}, 'Clip ' || n, 'processed', n * 7919 % 1009, n, n, n FROM numbers",
)
SUMMARIZE = importlib.import_module("app.db.migrations.0009_list_indexes").STATEMENTS[:3]
LAST_VIDEO = uuid.UUID(int=VIDEOS - 1)

Read = Callable[[], object]


def by_number(expression: str) -> str:
    """Return the SQL of the id that stands for a number."""
    if on_postgresql():
        return f"lpad(to_hex({expression}), 32, '0')::uuid"
    return f"printf('%032x', {expression})"


@pytest.fixture(scope="module")
def large(own_home: Home) -> Iterator[None]:
    """A contest of 50,000 clips in this file's own database."""
    pool = open_database(own_home.environment["DATABASE_URL"], max_connections=2)
    try:
        names = {"id": by_number("n"), "owner": by_number(f"n % {PLAYERS}"), "cities": CITIES}
        if on_postgresql():  # without triggers, which are slow for so many rows, and with migration 0009 afterwards
            database.execute_sql("SET session_replication_role = replica")
        for statement in (*(sql.format(**names) for sql in FILL), *SUMMARIZE, "ANALYZE"):
            database.execute_sql(statement.replace("%", "%%") if on_postgresql() else statement)
        if on_postgresql():
            database.execute_sql("RESET session_replication_role")
        assert players_with_wrong_standings() == []
        yield
    finally:
        database.close()
        pool.close_all()  # type: ignore[attr-defined]


def after(order: Order, city: str | None, depth: int) -> str:
    """Return a cursor at this depth of a list."""
    cursor = list_public(city=city, order=order, limit=PAGE, offset=depth).next_cursor
    assert cursor is not None
    return cursor


def reads() -> Iterable[tuple[str, Read]]:
    """Yield every kind of public read, from the first page to position 1,000, and by cursor beyond."""
    for city in (None, "City 7"):
        for offset in (0, DEEP - PAGE):
            yield f"ranking {city} {offset}", lambda c=city, o=offset: rank(city=c, limit=PAGE, offset=o)  # type: ignore[misc]
            for order in Order:
                yield (
                    f"{order} {city} {offset}",
                    lambda c=city, o=offset, by=order: list_public(city=c, order=by, limit=PAGE, offset=o),  # type: ignore[misc]
                )
        for order in Order:
            cursor = after(order, city, 2_000)
            yield (
                f"{order} {city} cursor",
                lambda c=city, by=order, at=cursor: list_public(city=c, order=by, limit=PAGE, cursor=at),  # type: ignore[misc]
            )
        first = list_shuffled(city=city, shuffle=0, limit=PAGE).next_cursor
        for shuffle, start in ((0, None), (8, None), (0, first)):
            yield (
                f"shuffle {shuffle} {city} {start}",
                lambda c=city, s=shuffle, at=start: list_shuffled(city=c, shuffle=s, limit=PAGE, cursor=at),  # type: ignore[misc]
            )
    yield "one video", lambda: get_public(LAST_VIDEO)


def statements(read: Read, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Return the SELECT statements that a read sends."""
    sent: list[tuple[str, Any]] = []
    execute = database.obj.execute_sql

    def spy(sql: str, params: Any = None) -> Any:
        sent.append((sql, params))
        return execute(sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(database.obj, "execute_sql", spy)
        read()
    return sent


def problems(sql: str, params: Any) -> list[str]:
    """Return what makes the statement's cost grow: a scan of a table, a sort of more than a page, rows read in vain."""
    if not on_postgresql():
        rows = database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
        growing = re.compile(r"SCAN (?!.* USING .*INDEX)|TEMP B-TREE FOR ORDER BY")
        # Above the subquery `page`, the outermost query (whose steps have no parent) handles the rows of one page.
        above_page = any(step == "SCAN page" for *_, step in rows)
        return [step for _, parent, _, step in rows if growing.search(step) and (parent or not above_page)]
    database.execute_sql("SET max_parallel_workers_per_gather = 0")
    (plan,) = database.execute_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params).fetchone()
    parsed = json.loads(plan) if isinstance(plan, str) else plan
    return list(_growing(parsed[0]["Plan"]))


def _growing(node: dict[str, Any]) -> Iterator[str]:
    kind, children = node["Node Type"], node.get("Plans", [])
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    if kind == "Seq Scan" or removed > PAGE:
        yield f"{kind} of {node.get('Relation Name')}, {removed} rows removed"
    if kind == "Sort" and children[0]["Actual Rows"] > PAGE + 1:
        yield f"Sort of {children[0]['Actual Rows']} rows"
    if kind in {"Index Scan", "Index Only Scan"} and node["Actual Rows"] > DEEP + 2 * PAGE:
        yield f"{kind} of {node['Actual Rows']} rows"
    for child in children:
        yield from _growing(child)


@pytest.mark.usefixtures("large")
def test_no_public_read_scans_a_table_or_sorts_more_than_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Video.select().count() == VIDEOS
    found = {
        name: growing
        for name, read in reads()
        for sql, params in statements(read, monkeypatch)
        if (growing := problems(sql, params))
    }
    assert found == {}


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("city", [None, "city 7"])
@pytest.mark.parametrize("order", list(Order))
def test_cursors_and_offsets_reach_the_same_pages(order: Order, city: str | None) -> None:
    cursor = None
    for number in range(4):
        page = list_public(city=city, order=order, limit=PAGE, cursor=cursor)
        by_offset = list_public(city=city, order=order, limit=PAGE, offset=number * PAGE)
        assert [video.id for video in page.videos] == [video.id for video in by_offset.videos]
        assert len(page.videos) == PAGE
        cursor = page.next_cursor
