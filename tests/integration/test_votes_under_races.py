"""Concurrent requests from many clients to the real API: each vote is counted exactly once."""

import uuid
from collections import Counter
from collections.abc import Sequence
from functools import partial

import httpx
import pytest

from app.db.models import Video, Vote
from testing.answers import all_at_once
from testing.people import Player
from testing.sites import Site

CROWD = 50


def counted(site: Site, video_id: str) -> tuple[int, int]:
    """Return the video's vote counter and its number of vote rows."""
    with site.tables():
        rows = Vote.select().where(Vote.video == uuid.UUID(video_id)).count()
        return Video.get_by_id(uuid.UUID(video_id)).votes, rows


def statuses(answers: Sequence[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


@pytest.fixture
def video_id(site: Site) -> str:
    return site.publish_video(site.sign_up())


@pytest.fixture(scope="module")
def crowd(site: Site) -> list[Player]:
    return [site.sign_up() for _ in range(CROWD)]


def test_fifty_votes_of_one_account_count_as_one(site: Site, video_id: str) -> None:
    voter = site.sign_up()
    answers = all_at_once(*[partial(voter.vote, video_id)] * CROWD)
    assert statuses(answers) == {200: 1, 400: CROWD - 1}
    refused = {answer.json()["detail"] for answer in answers if answer.status_code == 400}
    assert refused == {"Ya has votado por este video."}
    assert counted(site, video_id) == (1, 1)


def test_the_votes_of_fifty_accounts_count_as_fifty(site: Site, video_id: str, crowd: list[Player]) -> None:
    answers = all_at_once(*[partial(voter.vote, video_id) for voter in crowd])
    assert statuses(answers) == {200: CROWD}
    assert counted(site, video_id) == (CROWD, CROWD)
    assert site.api.get(f"/api/public/videos/{video_id}").json()["votes"] == CROWD


def test_votes_and_withdrawals_that_race_leave_the_counter_equal_to_the_votes(
    site: Site, video_id: str, crowd: list[Player]
) -> None:
    few, path = crowd[:8], f"/api/public/videos/{video_id}/vote"
    acts = [partial(voter.request, method, path) for voter in few for method in ("POST", "DELETE", "POST")]
    for _ in range(3):
        assert set(statuses(all_at_once(*acts))) <= {200, 400, 404}
        counter, rows = counted(site, video_id)
        assert counter == rows <= len(few)


def test_fifty_withdrawals_withdraw_one_vote(site: Site, video_id: str, crowd: list[Player]) -> None:
    voter, other = crowd[0], crowd[1]
    voter.vote(video_id)
    other.vote(video_id)
    path = f"/api/public/videos/{video_id}/vote"
    answers = all_at_once(*[partial(voter.request, "DELETE", path)] * CROWD)
    assert statuses(answers) == {200: 1, 404: CROWD - 1}
    assert counted(site, video_id) == (1, 1)


def test_a_vote_that_races_with_the_deletion_of_its_clip_is_counted_whole_or_not_at_all(site: Site) -> None:
    voter, owner = site.sign_up(), site.sign_up()
    videos = [site.publish_video(owner, published=False) for _ in range(5)]
    deletions = [partial(owner.request, "DELETE", f"/api/videos/{video_id}") for video_id in videos]
    all_at_once(*(partial(voter.vote, video_id) for video_id in videos), *deletions)
    assert [counted(site, video_id) for video_id in videos] == [(0, 0)] * 5
