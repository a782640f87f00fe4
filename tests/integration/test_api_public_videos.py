"""GET /api/public/videos and /api/public/videos/{id}: the public list, page by page."""

import base64
import json
import re
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from app.db.models import Video, VideoStatus
from testing.answers import MALFORMED_IDS, NUMBERS, UNKNOWN_ID, Json, refusal
from testing.homes import unique
from testing.people import Player
from testing.sites import Site

KEYS = {"video_id", "title", "username", "city", "votes", "processed_url", "poster_url"}
ORDERS = ("newest", "oldest", "votes")
NEXT = re.compile(r'<([^<>]+)>; ?rel="?next"?')


def listed(site: Site, **query: object) -> list[Json]:
    answer = site.api.get("/api/public/videos", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    videos: list[Json] = answer.json()
    return videos


def ids(videos: list[Json]) -> list[str]:
    return [video["video_id"] for video in videos]


def next_page(answer: httpx.Response) -> str | None:
    found = NEXT.search(answer.headers.get("Link", ""))
    return found and found.group(1)


def walk(site: Site, path: str) -> list[list[str]]:
    """Follow the Link header to the last page and return the IDs on each page."""
    pages: list[list[str]] = []
    link: str | None = path
    while link is not None:
        answer = site.api.get(link)
        assert answer.status_code == 200, answer.text
        pages.append(ids(answer.json()))
        assert len(pages) < 50
        link = next_page(answer)
    return pages


@pytest.fixture(scope="module")
def player(site: Site) -> Player:
    """A player with five clips in an otherwise unused city: oldest first, with 3, 1, 4, 1 and 5 votes."""
    made = site.sign_up(city=unique("Cartagena"))
    for age, votes in ((50, 3), (40, 1), (30, 4), (20, 1), (10, 5)):
        site.publish_video(made, votes=votes, age=age, title=f"{votes} votes, {age} s old")
    return made


def test_no_sign_in_is_required_and_no_clips_are_an_empty_list(site: Site) -> None:
    answer = site.api.get("/api/public/videos", params={"city": unique("Nowhere")})
    assert (answer.status_code, answer.json()) == (200, [])
    assert next_page(answer) is None


def test_a_clip_is_shown_with_its_player_and_votes(site: Site) -> None:
    player = site.sign_up(city=unique("Bogotá"))
    video_id = site.publish_video(player, votes=7, title="Final 🏀")
    (shown,) = listed(site, city=player.city)
    assert set(shown) == KEYS
    assert (shown["video_id"], shown["title"], shown["votes"]) == (video_id, "Final 🏀", 7)
    assert (shown["username"], shown["city"]) == (player.username, player.city)
    for name in ("processed_url", "poster_url"):
        assert shown[name].startswith("http")
    assert site.api.get(f"/api/public/videos/{video_id}").json() == shown


def test_a_player_without_a_city_is_shown_too(site: Site) -> None:
    video_id = site.publish_video(site.sign_up())
    assert site.api.get(f"/api/public/videos/{video_id}").json()["city"] is None


def test_only_published_clips_that_were_not_deleted_are_shown(site: Site) -> None:
    player = site.sign_up(city=unique("Pasto"))
    shown = site.publish_video(player)
    hidden = [
        site.publish_video(player, published=False),
        site.publish_video(player, deleted=True),
        *(site.publish_video(player, status=status) for status in VideoStatus if status != VideoStatus.PROCESSED),
    ]
    assert ids(listed(site, city=player.city)) == [shown]
    for video_id in hidden:
        assert refusal(site.api.get(f"/api/public/videos/{video_id}"), 404)


@pytest.mark.parametrize("path", ["/api/public/videos/", "/api/public/videos/{}/"])
def test_the_showcase_answers_with_a_trailing_slash_too(site: Site, player: Player, path: str) -> None:
    video_id = listed(site, city=player.city)[0]["video_id"]
    assert site.api.get(path.format(video_id)).status_code == 200


@pytest.mark.parametrize("video_id", [UNKNOWN_ID, *NUMBERS, *MALFORMED_IDS])
def test_an_id_that_no_clip_has_is_not_found(site: Site, video_id: str) -> None:
    assert refusal(site.api.get(f"/api/public/videos/{quote(video_id)}"), 404)


# Order


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("newest", [5, 1, 4, 1, 3]),
        ("oldest", [3, 1, 4, 1, 5]),
        ("votes", [5, 4, 3, 1, 1]),
        (None, [5, 1, 4, 1, 3]),
    ],
)
def test_the_list_is_in_the_requested_order(site: Site, player: Player, order: str | None, expected: list[int]) -> None:
    query = {"city": player.city} if order is None else {"city": player.city, "order": order}
    assert [video["votes"] for video in listed(site, **query)] == expected


def test_an_unknown_order_is_refused(site: Site) -> None:
    assert "order" in refusal(site.api.get("/api/public/videos?order=random"), 400)


# Pages


@pytest.mark.parametrize(
    ("limit", "offset", "expected"),
    [(2, 0, [5, 1]), (2, 2, [4, 1]), (2, 4, [3]), (2, 5, []), (100, 0, [5, 1, 4, 1, 3])],
)
def test_limit_and_offset_select_a_page(
    site: Site, player: Player, limit: int, offset: int, expected: list[int]
) -> None:
    page = listed(site, city=player.city, limit=limit, offset=offset)
    assert [video["votes"] for video in page] == expected


def test_a_page_has_20_clips_by_default(site: Site) -> None:
    player = site.sign_up(city=unique("Neiva"))
    for age in range(21):
        site.publish_video(player, age=age)
    assert len(listed(site, city=player.city)) == 20
    assert len(listed(site, city=player.city, limit=100)) == 21


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_the_link_header_connects_all_pages(site: Site, player: Player, order: str, limit: int) -> None:
    everything = ids(listed(site, city=player.city, order=order))
    pages = walk(site, f"/api/public/videos?city={quote(str(player.city))}&order={order}&limit={limit}")
    assert [video for page in pages for video in page] == everything
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert pages[-1]


@pytest.mark.parametrize("order", ORDERS)
def test_a_clip_that_is_published_between_two_pages_does_not_shift_them(site: Site, order: str) -> None:
    player = site.sign_up(city=unique("Ibagué"))
    for age in (50, 40, 30, 20):
        site.publish_video(player, votes=age, age=age)
    query = {"city": str(player.city), "order": order, "limit": "2"}
    first = site.api.get("/api/public/videos", params=query)
    before = ids(first.json())
    late = site.publish_video(player, votes=1000, age=0 if order == "newest" else 1000)
    after = ids(site.api.get(str(next_page(first))).json())
    assert len(after) == 2
    assert not set(after) & {late, *before}


def test_clips_with_equal_time_and_votes_are_each_listed_once(site: Site) -> None:
    player = site.sign_up(city=unique("Tunja"))
    made = {site.publish_video(player, votes=1) for _ in range(7)}
    with site.tables():
        Video.update(published_at=1_700_000_000.0).where(Video.id.in_(list(made))).execute()
    for order in ORDERS:
        pages = walk(site, f"/api/public/videos?city={quote(str(player.city))}&order={order}&limit=2")
        seen = [video for page in pages for video in page]
        assert len(seen) == 7
        assert set(seen) == made


BAD_PAGING = (
    "limit=0", "limit=-1", "limit=101", "limit=abc", "limit=", "limit=1.5", "limit=1e1",
    "limit=99999999999999999999", "limit=%00", "limit=%F1", "offset=-1", "offset=abc", "offset=",
    "offset=1.5", "offset=99999999999999999999", "cursor=rubbish", "cursor=%00", "cursor=%F1", "cursor=e30",
    "cursor=W10", "cursor=MQ", "cursor=bnVsbA", "cursor==",
)  # fmt: skip


@pytest.mark.parametrize("query", BAD_PAGING)
def test_bad_paging_is_refused(site: Site, query: str) -> None:
    assert isinstance(refusal(site.api.get(f"/api/public/videos?{query}"), 400), str)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400, "null", '"x"', "true", "[]"]
)
def test_a_forged_cursor_is_refused(site: Site, order: str, value: str) -> None:
    cursor = forge(f'["{order}", {value}, "{UNKNOWN_ID}"]')
    answer = site.api.get("/api/public/videos", params={"order": order, "cursor": cursor})
    assert isinstance(refusal(answer, 400), str)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("value", [10**30, -(10**30), 2**63, 2**31, 1e300, 0.5])
def test_a_cursor_with_a_huge_number_is_handled_without_an_error(site: Site, order: str, value: float) -> None:
    cursor = forge(json.dumps([order, value, UNKNOWN_ID]))
    answer = site.api.get("/api/public/videos", params={"order": order, "cursor": cursor})
    assert answer.status_code in {200, 400}, answer.text


def forge(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_cursor_of_another_order_is_refused(site: Site, player: Player) -> None:
    link = next_page(site.api.get("/api/public/videos", params={"city": str(player.city), "limit": 2}))
    cursor = parse_qs(urlsplit(str(link)).query)["cursor"][0]
    answer = site.api.get("/api/public/videos", params={"order": "votes", "cursor": cursor})
    assert refusal(answer, 400)


def test_unknown_query_parameters_are_ignored(site: Site, player: Player) -> None:
    assert len(listed(site, city=player.city, utm_source="mail", page=7)) == 5


# Cities


@pytest.mark.parametrize(
    "spelling",
    ["Bogotá", "Bogota", "BOGOTÁ", "bogota", "Bogot%C3%A1", "BOGOT%c3%81", "Bogota%CC%81", "%20Bogot%C3%A1+"],
)
def test_a_city_is_found_however_it_is_spelled(site: Site, spelling: str) -> None:
    mark = unique("x")
    video_id = site.publish_video(site.sign_up(city=f"Bogotá {mark}"))
    answer = site.api.get(f"/api/public/videos?city={spelling.rstrip('+')}%20{mark}")
    assert ids(answer.json()) == [video_id]


def test_a_city_is_not_found_by_a_part_of_its_name_or_a_wildcard(site: Site, player: Player) -> None:
    for city in (str(player.city)[:-1], "%", "_", "*"):
        assert listed(site, city=city) == []


@pytest.mark.parametrize("raw", ["%00", "%FF", "%F1", "%ED%A0%80", "%", "'", "x" * 5_000])
@pytest.mark.parametrize("path", ["/api/public/videos", "/api/public/rankings"])
def test_a_malformed_city_is_refused_or_matches_no_clip(site: Site, path: str, raw: str) -> None:
    answer = site.api.get(f"{path}?city=odd{raw}")
    if answer.status_code != 200:
        assert refusal(answer, 400)
    else:
        assert answer.json() == []
