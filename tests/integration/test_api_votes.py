"""Voting, withdrawing a vote, and the status of an account's vote."""

import uuid
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

from app.db.models import Video, VideoStatus, Vote
from testing.answers import MALFORMED_IDS, NUMBERS, UNKNOWN_ID, refusal
from testing.homes import unique
from testing.people import Player
from testing.sites import Site, SiteMaker

NOT_FOUND = "Video not found or has been deleted"
MALFORMED = "Invalid video ID format"
NOT_SIGNED_IN = "Could not validate credentials"

Request = Callable[[Player, str], httpx.Response]


def vote(player: Player, video_id: str) -> httpx.Response:
    return player.vote(video_id)


def withdraw(player: Player, video_id: str) -> httpx.Response:
    return player.request("DELETE", f"/api/public/videos/{quote(video_id)}/vote")


def ask(player: Player, video_id: str) -> httpx.Response:
    return player.get(f"/api/public/videos/{quote(video_id)}/vote-status")


def counted(site: Site, video_id: str) -> tuple[int, int]:
    """Return the video's vote counter and its number of vote rows, which must agree."""
    with site.tables():
        rows = Vote.select().where(Vote.video == uuid.UUID(video_id)).count()
        return Video.get_by_id(uuid.UUID(video_id)).votes, rows


@pytest.fixture
def video_id(site: Site) -> str:
    return site.publish_video(site.sign_up())


def hidden_videos(site: Site) -> dict[str, str]:
    """Return, for each reason why the public cannot see a clip, the ID of such a clip."""
    owner = site.sign_up()
    return {
        "unknown": UNKNOWN_ID,
        "deleted": site.publish_video(owner, deleted=True),
        "in review": site.publish_video(owner, published=False),
        **{
            str(status): site.publish_video(owner, status=status)
            for status in VideoStatus
            if status is not VideoStatus.PROCESSED
        },
    }


def test_a_vote_is_counted(site: Site, video_id: str) -> None:
    answer = vote(site.sign_up(), video_id)
    assert (answer.status_code, answer.json()) == (200, {"message": "Voto registrado exitosamente."})
    assert counted(site, video_id) == (1, 1)
    assert site.api.get(f"/api/public/videos/{video_id}").json()["votes"] == 1


def test_a_second_vote_is_refused_and_not_counted(site: Site, video_id: str) -> None:
    voter = site.sign_up()
    assert vote(voter, video_id).status_code == 200
    assert refusal(vote(voter, video_id), 400) == "Ya has votado por este video."
    assert counted(site, video_id) == (1, 1)


def test_one_account_votes_once_for_each_of_several_clips(site: Site) -> None:
    voter, owner = site.sign_up(), site.sign_up()
    videos = [site.publish_video(owner) for _ in range(3)]
    assert [vote(voter, video_id).status_code for video_id in videos] == [200] * 3
    assert [counted(site, video_id) for video_id in videos] == [(1, 1)] * 3


def test_a_vote_for_ones_own_clip_counts_by_default(site: Site) -> None:
    owner = site.sign_up()
    video_id = site.publish_video(owner)
    assert vote(owner, video_id).status_code == 200
    assert counted(site, video_id) == (1, 1)


def test_a_vote_for_ones_own_clip_is_refused_where_the_league_forbids_it(make_site: SiteMaker) -> None:
    site = make_site(ALLOW_SELF_VOTE="false")
    owner = site.sign_up()
    video_id = site.publish_video(owner)
    assert refusal(vote(owner, video_id), 400)
    assert counted(site, video_id) == (0, 0)
    assert vote(site.sign_up(), video_id).status_code == 200


def test_a_withdrawn_vote_is_not_counted_and_may_be_cast_again(site: Site, video_id: str) -> None:
    voter = site.sign_up()
    vote(voter, video_id)
    answer = withdraw(voter, video_id)
    assert answer.status_code == 200
    assert isinstance(answer.json()["message"], str)
    assert counted(site, video_id) == (0, 0)
    assert vote(voter, video_id).status_code == 200
    assert counted(site, video_id) == (1, 1)


def test_a_vote_that_was_never_cast_cannot_be_withdrawn(site: Site, video_id: str) -> None:
    assert vote(site.sign_up(), video_id).status_code == 200
    assert refusal(withdraw(site.sign_up(), video_id), 404)
    assert counted(site, video_id) == (1, 1)


@pytest.mark.parametrize("request_", [vote, withdraw])
def test_a_clip_that_is_hidden_from_the_public_is_not_found(site: Site, request_: Request) -> None:
    voter = site.sign_up()
    for video_id in hidden_videos(site).values():
        assert refusal(request_(voter, video_id), 404) == NOT_FOUND
        if video_id != UNKNOWN_ID:
            assert counted(site, video_id) == (0, 0)


@pytest.mark.parametrize("request_", [vote, withdraw])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_not_the_id_of_a_clip(site: Site, request_: Request, number: str) -> None:
    assert refusal(request_(site.sign_up(), number), 404) == NOT_FOUND


@pytest.mark.parametrize("request_", [vote, ask])
@pytest.mark.parametrize("malformed", MALFORMED_IDS)
def test_a_malformed_id_is_refused(site: Site, request_: Request, malformed: str) -> None:
    assert refusal(request_(site.sign_up(), quote(malformed)), 400) == MALFORMED


@pytest.mark.parametrize("malformed", MALFORMED_IDS)
def test_withdrawing_from_a_malformed_id_is_refused(site: Site, malformed: str) -> None:
    answer = withdraw(site.sign_up(), malformed)
    assert answer.status_code in {400, 404}
    assert refusal(answer, answer.status_code)


def test_an_id_in_capitals_is_the_same_clip(site: Site, video_id: str) -> None:
    assert vote(site.sign_up(), video_id.upper()).status_code == 200
    assert counted(site, video_id) == (1, 1)


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": 'Bearer "rubbish"'}], ids=["no token", "rubbish"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "malformed"])
def test_authentication_is_checked_before_the_id(
    site: Site, video_id: str, method: str, headers: dict[str, str], *, known: bool
) -> None:
    path = f"/api/public/videos/{video_id if known else 'abc'}/{'vote-status' if method == 'GET' else 'vote'}"
    assert refusal(site.api.request(method, path, headers=headers), 401) == NOT_SIGNED_IN
    assert counted(site, video_id) == (0, 0)


def test_the_routes_answer_with_a_trailing_slash_too(site: Site, video_id: str) -> None:
    voter, path = site.sign_up(), f"/api/public/videos/{video_id}"
    for method, name in (("POST", "vote"), ("GET", "vote-status"), ("DELETE", "vote")):
        assert voter.request(method, f"{path}/{name}/").status_code == 200


# Vote status


def test_the_status_says_whether_this_account_has_voted(site: Site, video_id: str) -> None:
    voter, other = site.sign_up(), site.sign_up()
    expected = {"video_id": video_id, "has_voted": False, "user_id": voter.id}
    assert ask(voter, video_id).json() == expected
    vote(voter, video_id)
    assert ask(voter, video_id).json() == {**expected, "has_voted": True}
    assert ask(other, video_id).json()["has_voted"] is False
    withdraw(voter, video_id)
    assert ask(voter, video_id).json() == expected


def test_the_status_of_a_hidden_clip_is_not_voted(site: Site) -> None:
    voter = site.sign_up()
    for video_id in hidden_videos(site).values():
        answer = ask(voter, video_id)
        assert answer.status_code == 200
        assert answer.json() == {"video_id": video_id, "has_voted": False, "user_id": voter.id}


def test_the_status_of_a_clip_that_was_deleted_after_the_vote_is_not_voted(site: Site, video_id: str) -> None:
    voter = site.sign_up()
    vote(voter, video_id)
    with site.tables():
        Video.update(deleted_at=1.0).where(Video.id == uuid.UUID(video_id)).execute()
    assert ask(voter, video_id).json()["has_voted"] is False


@pytest.mark.parametrize("number", NUMBERS)
def test_the_status_of_a_number_is_not_voted_or_refused(site: Site, number: str) -> None:
    answer = ask(site.sign_up(), number)
    if answer.status_code == 200:
        assert answer.json()["has_voted"] is False
    else:
        assert refusal(answer, 400) == MALFORMED


def test_the_ranking_of_a_city_counts_the_votes_of_its_players(site: Site) -> None:
    owner = site.sign_up(city=unique("Tunja"))
    video_id = site.publish_video(owner)
    for _ in range(3):
        vote(site.sign_up(), video_id)
    (row,) = site.api.get("/api/public/rankings", params={"city": str(owner.city)}).json()
    assert row["votes"] == 3
