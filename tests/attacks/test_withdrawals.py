"""The limit on withdrawn votes. Without it, one account could overload the database with writes to a clip's counter."""

from collections.abc import Iterator

import pytest

from testing.answers import refusal
from testing.homes import Home
from testing.sites import Site, running_site

LIMIT = 3


@pytest.fixture(scope="module")
def site(home: Home) -> Iterator[Site]:
    with running_site(home.with_settings(WITHDRAWAL_LIMIT_PER_ACCOUNT=f"{LIMIT} per 1 day")) as running:
        yield running


def test_an_accounts_withdrawals_are_limited(site: Site) -> None:
    voter, owner = site.sign_up(), site.sign_up()
    videos = [site.publish_video(owner) for _ in range(LIMIT + 1)]
    for video_id in videos:
        assert voter.vote(video_id).status_code == 200
    answers = [voter.request("DELETE", f"/api/public/videos/{video_id}/vote") for video_id in videos]
    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429]
    assert isinstance(refusal(answers[-1], 429), str)
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert site.api.get(f"/api/public/videos/{videos[-1]}").json()["votes"] == 1


def test_withdrawals_of_votes_that_were_never_cast_are_limited_too(site: Site) -> None:
    voter, video_id = site.sign_up(), site.publish_video(site.sign_up())
    path = f"/api/public/videos/{video_id}/vote"
    assert [voter.request("DELETE", path).status_code for _ in range(LIMIT + 1)] == [404] * LIMIT + [429]
    assert site.sign_up().request("DELETE", path).status_code == 404
