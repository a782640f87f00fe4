"""The cache of public responses: all clients share it, it contains nothing personal, and no client waits for it."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest

from app.api.documentation import CSP
from testing.answers import refusal
from testing.people import Player
from testing.processes import wait_until
from tests.attacks.edge import Edge
from tests.attacks.test_floods import answered

pytestmark = pytest.mark.either_backend

RANKINGS = "/api/public/rankings"
LONGER_THAN_FRESH = 6
"""A number of seconds. Nginx counts in whole seconds, so a response stays fresh for up to two."""

EVICTED = 13
"""A number of seconds: the two of `inactive`, and the ten after which Nginx looks again if its cache was empty."""


@pytest.fixture(scope="module")
def player(edge: Edge) -> Player:
    """A player in Tunja with a published clip."""
    player = edge.direct.sign_up(city="Tunja")
    edge.direct.publish_video(player)
    return player


@contextmanager
def frozen_api(edge: Edge) -> Iterator[None]:
    """Suspend the API: whatever Nginx responds with meanwhile comes from its cache."""
    process = psutil.Process(edge.direct.processes["api"].pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def fetch(edge: Edge, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Send a request over a new connection."""
    with httpx.Client(base_url=edge.site.url, timeout=10, trust_env=False) as client:
        return client.get(path, headers=headers)


def test_a_signed_in_reader_gets_the_same_cached_response_as_all_others(edge: Edge, player: Player) -> None:
    token = {"Authorization": f"Bearer {player.access_token}"}
    path = f"{RANKINGS}?limit=7"
    first = fetch(edge, path)
    before = answered(edge)
    others = [
        fetch(edge, path, headers)
        for headers in (token, {"Authorization": "Bearer forged"}, {"Cookie": "a=b"}, {"X-Anything": "else"})
    ]
    assert answered(edge) == before
    assert {answer.text for answer in others} == {first.text}
    assert [answer.headers["X-Cache"] for answer in others] == ["HIT"] * 4


def test_the_api_learns_nothing_about_who_reads(edge: Edge, player: Player) -> None:
    """A response that was fetched with one reader's token or cookie must be right for every other reader."""
    for headers in ({"Authorization": f"Bearer {player.access_token}"}, {"Cookie": "session=1"}):
        path = f"/api/public/videos?limit={len(headers) + len(next(iter(headers)))}"
        fetched = fetch(edge, path, headers)
        assert fetched.headers["X-Cache"] == "MISS"
        assert fetched.text == edge.direct.api.get(path).text
        assert "Set-Cookie" not in fetched.headers


@pytest.mark.parametrize(
    "path",
    ["/api/videos", "/api/public/videos/{video}/vote-status", "/api/videos/{video}"],
)
def test_an_accounts_response_is_never_cached(edge: Edge, player: Player, path: str) -> None:
    (video,) = (each["video_id"] for each in player.get("/api/videos").json())
    address = path.format(video=video)
    own = fetch(edge, address, {"Authorization": f"Bearer {player.access_token}"})
    assert own.status_code == 200
    assert own.headers["Cache-Control"] == "no-store"
    assert not own.headers.get("X-Cache")
    assert "ETag" not in own.headers
    assert fetch(edge, address).status_code == 401


def test_every_query_has_its_own_response(edge: Edge, player: Player) -> None:
    """Whatever the cache's key, each address gets what the API itself responds with."""
    assert player.access_token
    queries = (
        "",
        "?city=Tunja",
        "?city=Cali",
        "?city=Tunja&city=Cali",
        "?city=Cali&city=Tunja",
        "?limit=1&city=Tunja",
        "?city=Tunja&limit=1",
        "?limit=1&limit=2&city=Cali",
        "?CITY=Tunja",
        "?city=Tunja%20",
        "?city=%54unja",
        "?city=Tunja#city=Cali",
        "?city=Tunja%26city=Cali",
    )
    for path in (RANKINGS, f"{RANKINGS}/", "/api/public/videos", "/api/public/videos/"):
        for query in queries:
            expected = edge.direct.api.get(path + query).json()
            for _ in range(2):
                assert fetch(edge, path + query).json() == expected, path + query


def test_browsers_and_cdns_may_keep_a_public_response_for_its_second(edge: Edge, player: Player) -> None:
    (video,) = (each["video_id"] for each in player.get("/api/videos").json())
    for path in (RANKINGS, "/api/public/videos", f"/api/public/videos/{video}"):
        for answer in (edge.direct.api.get(path), fetch(edge, path), fetch(edge, path)):
            assert answer.headers.get_list("Cache-Control") == ["public, max-age=1"]
            known = {"If-None-Match": answer.headers["ETag"]}
            for unchanged in (edge.direct.api.get(path, headers=known), fetch(edge, path, known)):
                assert (unchanged.status_code, unchanged.content) == (304, b"")
                assert unchanged.headers["ETag"].removeprefix("W/") == answer.headers["ETag"].removeprefix("W/")
                assert unchanged.headers["Cache-Control"] == "public, max-age=1"


def test_a_changed_response_has_another_etag(edge: Edge) -> None:
    path = f"{RANKINGS}?city=Pasto"
    before = edge.direct.api.get(path)
    edge.direct.publish_video(edge.direct.sign_up(city="Pasto"))
    after = edge.direct.api.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]


def test_an_error_is_not_kept_by_browsers(edge: Edge) -> None:
    for path in ("/api/public/videos/6f1c5a52-0000-4000-8000-000000000001", f"{RANKINGS}?limit=nonsense"):
        answer = fetch(edge, path)
        assert refusal(answer, answer.status_code)
        assert answer.status_code in {400, 404}
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers


def test_the_page_of_the_document_reaches_browsers_with_its_own_policy_and_compressed(edge: Edge) -> None:
    page = fetch(edge, "/docs")
    assert (page.status_code, page.headers.get_list("Content-Security-Policy")) == (200, [CSP])
    for path in re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text):
        file = fetch(edge, path, {"Accept-Encoding": "gzip"})
        assert (file.status_code, file.text) == (200, edge.direct.api.get(path).text)
        assert (file.headers.get("Content-Encoding") == "gzip") == (len(file.content) >= 1024)
        assert file.headers.get_list("Cache-Control") == edge.direct.api.get(path).headers.get_list("Cache-Control")


def test_renewing_a_response_costs_one_request_and_no_client_waits_for_it(edge: Edge) -> None:
    path = f"{RANKINGS}?limit=9"
    first = fetch(edge, path)
    before = answered(edge)
    answers: list[httpx.Response] = []
    with frozen_api(edge), ThreadPoolExecutor(8) as crowd:
        until = time.monotonic() + LONGER_THAN_FRESH
        while time.monotonic() < until:
            answers += crowd.map(lambda _: fetch(edge, path), range(8))
    assert {answer.text for answer in answers} == {first.text}
    # A request that waited for the API would have waited for four seconds or longer.
    assert max(answer.elapsed.total_seconds() for answer in answers) < 3
    statuses = Counter(answer.headers["X-Cache"] for answer in answers)
    assert set(statuses) <= {"HIT", "STALE", "UPDATING"}
    assert statuses["STALE"] == 1
    assert statuses["UPDATING"] > 1
    wait_until(lambda: answered(edge) > before, what="the renewal that began meanwhile", seconds=10)
    assert answered(edge) == before + 1


def test_a_response_that_was_not_requested_lately_is_not_shown_again(edge: Edge) -> None:
    path = f"{RANKINGS}?city=Leticia"
    assert fetch(edge, path).json() == []
    edge.direct.publish_video(edge.direct.sign_up(city="Leticia"))
    time.sleep(EVICTED)
    assert len(fetch(edge, path).json()) == 1
