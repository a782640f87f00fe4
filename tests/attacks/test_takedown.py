"""An operator hides a published clip at once."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.db.models import Audit, Video, Vote
from testing.answers import UNKNOWN_ID, refusal
from testing.homes import unique
from testing.people import Player
from testing.sites import Site
from tests.attacks.operators import operate, rising_stars

NOT_FOUND = "Video not found or has been deleted"
WHY = ("--reason", "its music belongs to others")


@pytest.fixture
def owner(site: Site) -> Player:
    return site.sign_up(city=unique("Pasto"))


@pytest.fixture
def video_id(site: Site, owner: Player) -> str:
    return site.publish_video(owner)


def test_a_hidden_clip_disappears_from_every_public_route_at_once(site: Site, owner: Player, video_id: str) -> None:
    voter, city = site.sign_up(), {"city": str(owner.city)}
    assert voter.vote(video_id).status_code == 200
    operate(site.home, "videos", "hide", video_id, *WHY)
    path = f"/api/public/videos/{video_id}"
    assert refusal(site.api.get(path), 404) == NOT_FOUND
    assert refusal(site.sign_up().vote(video_id), 404) == NOT_FOUND
    assert refusal(voter.request("DELETE", f"{path}/vote"), 404) == NOT_FOUND
    assert voter.get(f"{path}/vote-status").json()["has_voted"] is False
    for order in ("newest", "oldest", "votes"):
        assert site.api.get("/api/public/videos", params={**city, "order": order}).json() == []
    assert site.api.get("/api/public/rankings", params=city).json() == []


def test_a_shown_clip_comes_back_with_its_votes(site: Site, owner: Player, video_id: str) -> None:
    voter = site.sign_up()
    voter.vote(video_id)
    before = site.api.get(f"/api/public/videos/{video_id}").json()
    operate(site.home, "videos", "hide", video_id, *WHY)
    operate(site.home, "videos", "show", video_id, "--reason", "they had the rights")
    assert site.api.get(f"/api/public/videos/{video_id}").json() == before
    assert before["votes"] == 1
    (row,) = site.api.get("/api/public/rankings", params={"city": str(owner.city)}).json()
    assert row["votes"] == 1
    with site.tables():
        audited = [
            (row.action, row.detail) for row in Audit.select().where(Audit.subject == video_id).order_by(Audit.id)
        ]
    assert audited == [("videos.hide", WHY[1]), ("videos.show", "they had the rights")]


def test_a_hidden_clips_owner_gets_the_reason_and_no_url(site: Site, owner: Player, video_id: str) -> None:
    operate(site.home, "videos", "hide", video_id, *WHY)
    detail = owner.get(f"/api/videos/{video_id}").json()
    assert detail["status"] == "processed"
    assert [detail[name] for name in ("original_url", "processed_url", "poster_url")] == [None] * 3
    assert detail["failure"]["code"] == "hidden"
    (listed,) = owner.get("/api/videos").json()
    assert "processed_url" not in listed
    for kind in ("original", "processed"):
        answer = owner.get(f"/api/videos/{kind}/{video_id}", follow_redirects=False)
        assert "location" not in answer.headers
        assert answer.status_code in {400, 404}


def test_a_hidden_clip_can_be_deleted_only_if_it_was_not_published(site: Site, owner: Player, video_id: str) -> None:
    operate(site.home, "videos", "hide", video_id, *WHY)
    assert refusal(owner.request("DELETE", f"/api/videos/{video_id}"), 400)
    unpublished = site.publish_video(owner, published=False)
    operate(site.home, "videos", "hide", unpublished, *WHY)
    assert owner.request("DELETE", f"/api/videos/{unpublished}").status_code == 200


def test_a_clip_hidden_before_its_review_is_not_offered_for_publication(site: Site, owner: Player) -> None:
    video_id = site.publish_video(owner, published=False)
    operate(site.home, "videos", "hide", video_id, *WHY)
    assert video_id not in operate(site.home, "videos", "list")
    operate(site.home, "videos", "show", video_id, *WHY)
    assert video_id in operate(site.home, "videos", "list")


@pytest.mark.parametrize("command", ["hide", "show"])
def test_hiding_or_showing_an_unsuitable_clip_is_refused_in_a_sentence(site: Site, owner: Player, command: str) -> None:
    video_id, deleted = site.publish_video(owner), site.publish_video(owner, deleted=True)
    if command == "hide":
        operate(site.home, "videos", "hide", video_id, *WHY)
    refusals = [rising_stars(site.home, "videos", command, which, *WHY) for which in (video_id, deleted, UNKNOWN_ID)]
    assert [done.returncode for done in refusals] == [1] * 3
    assert all(done.stderr.count("\n") == 1 for done in refusals)
    assert rising_stars(site.home, "videos", command, video_id).returncode == 2


def test_votes_that_race_with_a_takedown_are_counted_whole_or_not_at_all(site: Site, video_id: str) -> None:
    voters = [site.sign_up() for _ in range(12)]
    with ThreadPoolExecutor(12) as threads:
        hiding = threads.submit(operate, site.home, "videos", "hide", video_id, *WHY)
        votes = [threads.submit(voter.vote, video_id) for voter in voters * 4]
        assert {vote.result().status_code for vote in votes} <= {200, 400, 404}
        hiding.result()
    with site.tables():
        rows = Vote.select().where(Vote.video == uuid.UUID(video_id)).count()
        assert Video.get_by_id(uuid.UUID(video_id)).votes == rows
