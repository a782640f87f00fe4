"""GET /api/public/rankings: one row per player, most votes first; with a city filter, positions within the city."""

from urllib.parse import quote

import pytest

from app.db.models import VideoStatus
from testing.answers import Json, refusal
from testing.homes import unique
from testing.people import Player
from testing.sites import Site


def ranking(site: Site, **query: object) -> list[Json]:
    answer = site.api.get("/api/public/rankings", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    rows: list[Json] = answer.json()
    return rows


@pytest.fixture(scope="module")
def five(site: Site) -> list[Player]:
    """Five players in one city, with 50, 40, 30, 20 and 10 votes."""
    city = unique("Medellín")
    players = [site.sign_up(city=city) for _ in range(5)]
    for player, votes in zip(players, (50, 40, 30, 20, 10), strict=True):
        site.publish_video(player, votes=votes)
    return players


def test_a_ranking_without_players_is_an_empty_list(site: Site) -> None:
    assert ranking(site, city=unique("Nowhere")) == []


def test_rows_have_exactly_the_contracts_fields(site: Site, five: list[Player]) -> None:
    first, *_ = ranking(site, city=five[0].city)
    assert first == {"position": 1, "username": five[0].username, "city": five[0].city, "votes": 50}


def test_no_sign_in_is_required_and_a_trailing_slash_is_allowed(site: Site) -> None:
    assert site.api.get("/api/public/rankings/").status_code == 200


def test_the_players_with_most_votes_come_first(site: Site, five: list[Player]) -> None:
    rows = ranking(site, city=five[0].city)
    assert [row["username"] for row in rows] == [player.username for player in five]
    assert [row["position"] for row in rows] == [1, 2, 3, 4, 5]


def test_a_players_clips_are_added_up_into_one_row(site: Site) -> None:
    city = unique("Cali")
    many, one = site.sign_up(city=city), site.sign_up(city=city)
    for votes in (3, 4, 0):
        site.publish_video(many, votes=votes)
    site.publish_video(one, votes=6)
    assert [(row["username"], row["votes"]) for row in ranking(site, city=city)] == [
        (many.username, 7),
        (one.username, 6),
    ]


def test_two_players_of_the_same_name_are_two_rows(site: Site) -> None:
    city = unique("Cúcuta")
    for votes in (2, 1):
        twin = site.sign_up(city=city, first_name="Ana", last_name="Díaz")
        site.publish_video(twin, votes=votes)
    rows = ranking(site, city=city)
    assert [(row["position"], row["username"], row["votes"]) for row in rows] == [
        (1, "Ana Díaz", 2),
        (2, "Ana Díaz", 1),
    ]


@pytest.mark.parametrize("ages", [(10, 20, 30), (30, 10, 20), (20, 30, 10)])
def test_a_tie_goes_to_the_earliest_upload(site: Site, ages: tuple[int, ...]) -> None:
    city = unique("Pereira")
    uploads = {age: site.sign_up(city=city) for age in ages}
    for age, player in uploads.items():
        site.publish_video(player, votes=1, age=age)
        site.publish_video(player, votes=1, age=5)
    expected = [uploads[age].username for age in sorted(uploads, reverse=True)]
    assert [row["username"] for row in ranking(site, city=city)] == expected


def test_a_published_clip_without_a_vote_has_a_row(site: Site) -> None:
    player = site.sign_up(city=unique("Armenia"))
    site.publish_video(player)
    assert [row["votes"] for row in ranking(site, city=player.city)] == [0]


def test_only_published_clips_that_were_not_deleted_count(site: Site) -> None:
    city = unique("Leticia")
    counted, hidden = site.sign_up(city=city), site.sign_up(city=city)
    site.publish_video(counted, votes=1)
    for player in (counted, hidden):
        site.publish_video(player, votes=100, deleted=True)
        site.publish_video(player, votes=100, published=False)
        site.publish_video(player, votes=100, status=VideoStatus.REJECTED)
    assert [(row["username"], row["votes"]) for row in ranking(site, city=city)] == [(counted.username, 1)]


def test_a_vote_moves_a_player_up(site: Site) -> None:
    city = unique("Quibdó")
    leader, challenger = site.sign_up(city=city), site.sign_up(city=city)
    site.publish_video(leader, votes=1, age=10)
    video_id = site.publish_video(challenger, votes=1)
    assert [row["username"] for row in ranking(site, city=city)] == [leader.username, challenger.username]
    assert leader.vote(video_id).status_code == 200
    assert [row["username"] for row in ranking(site, city=city)] == [challenger.username, leader.username]


@pytest.mark.parametrize(
    ("city", "spellings"),
    [
        ("Łódź", ["Lodz", "ŁÓDŹ", "lodz", "Łodz"]),
        ("Tromso", ["Tromsø", "TROMSØ"]),
        ("Đà Nẵng", ["Da Nang", "da nang", "\u200bĐà Nẵng"]),
        ("Isparta", ["Isparta", "ısparta", "İsparta"]),
        ("L\u2019Hospitalet", ["L'Hospitalet", "l\u2019hospitalet", "L\u00b4Hospitalet", "L'Hospi\u00adtalet"]),
        ("東京", ["東京", "\ufeff東京"]),
        ("Москва", ["москва"]),
    ],
)
def test_a_city_is_found_in_any_spelling(site: Site, city: str, spellings: list[str]) -> None:
    mark = unique("x")
    player, other = site.sign_up(city=f"{city} {mark}"), site.sign_up(city=f"北京 {mark}")
    for each in (player, other):
        site.publish_video(each)
    for spelling in (city, *spellings):
        rows = ranking(site, city=f"{spelling} {mark}")
        assert [(row["username"], row["city"]) for row in rows] == [(player.username, player.city)], ascii(spelling)
        videos = site.api.get("/api/public/videos", params={"city": f"{spelling} {mark}"}).json()
        assert [video["username"] for video in videos] == [player.username]


def test_a_city_with_a_text_direction_control_is_refused_as_a_filter(site: Site) -> None:
    assert "direction" in refusal(site.api.get("/api/public/rankings", params={"city": "Cali\u202e"}), 400)


@pytest.mark.parametrize("spelling", ["Medellín", "Medellin", "MEDELLIN", "medell%C3%ADn", "MEDELL%C3%8DN"])
def test_a_city_is_found_however_it_is_spelled(site: Site, spelling: str) -> None:
    mark = unique("x")
    player = site.sign_up(city=f"Medellín {mark}")
    site.publish_video(player)
    rows = site.api.get(f"/api/public/rankings?city={spelling}%20{mark}").json()
    assert [row["username"] for row in rows] == [player.username]


def test_two_spellings_of_a_city_are_one_ranking(site: Site) -> None:
    mark = unique("x")
    for city in ("Bogotá", "BOGOTA", "bogotá"):
        site.publish_video(site.sign_up(city=f"{city} {mark}"))
    assert len(ranking(site, city=f"bogota {mark}")) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"limit": 2}, [1, 2]),
        ({"limit": 2, "offset": 2}, [3, 4]),
        ({"offset": 4}, [5]),
        ({"offset": 5}, []),
        ({"from": 2, "to": 4}, [2, 3, 4]),
        ({"from": 3, "to": 3}, [3]),
        ({"from": 4}, [4, 5]),
        ({"to": 2}, [1, 2]),
        ({"from": 6, "to": 9}, []),
        ({"from": 2, "to": 4, "limit": 1}, [2]),
    ],
    ids=str,
)
def test_a_part_of_the_ranking_keeps_its_positions(
    site: Site, five: list[Player], query: dict[str, int], expected: list[int]
) -> None:
    rows = ranking(site, city=five[0].city, **query)
    assert [row["position"] for row in rows] == expected
    assert [row["username"] for row in rows] == [five[place - 1].username for place in expected]


def test_positions_are_counted_within_the_city(site: Site, five: list[Player]) -> None:
    player = site.sign_up(city=unique("Mocoa"))
    site.publish_video(player, votes=1)
    assert [row["position"] for row in ranking(site, city=player.city)] == [1]
    all_rows = ranking(site, limit=100)
    assert [row["position"] for row in all_rows] == list(range(1, len(all_rows) + 1))
    assert len(all_rows) > len(five)


def test_a_page_has_20_rows_by_default(site: Site) -> None:
    city = unique("Riohacha")
    for _ in range(21):
        site.publish_video(site.sign_up(city=city))
    assert len(ranking(site, city=city)) == 20
    assert len(ranking(site, city=city, limit=100)) == 21


BAD_QUERIES = (
    "limit=0", "limit=-1", "limit=101", "limit=abc", "limit=", "limit=1.5", "limit=99999999999999999999",
    "limit=%F1", "offset=-1", "offset=abc", "offset=99999999999999999999", "from=-1", "from=abc", "from=",
    "from=1.5", "from=%00", "from=99999999999999999999", "to=-1", "to=abc", "to=",
    "to=99999999999999999999", "from=3&to=2", "from=2&to=-2",
)  # fmt: skip


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_bad_range_is_refused(site: Site, query: str) -> None:
    assert isinstance(refusal(site.api.get(f"/api/public/rankings?{query}"), 400), str)


def test_unknown_query_parameters_are_ignored(site: Site, five: list[Player]) -> None:
    answer = site.api.get(f"/api/public/rankings?city={quote(str(five[0].city))}&colour=red")
    assert len(answer.json()) == 5
