"""Scenario 7: the database is unreachable for a minute.

Meanwhile, the API returns 503. No host is replaced, and no data is lost.
"""

import time

import httpx

from rehearsal.people import Person, clip
from rehearsal.scenarios.upload_to_vote import RENDER_SECONDS
from rehearsal.site import Rehearsal

AWAY_SECONDS = 60
RETURN_SECONDS = 120


def play(site: Rehearsal) -> dict[str, object]:
    """Vote for a clip before, during and after the failover, and check the responses, the votes and the hosts."""
    player, voter, late = Person.new(site), Person.new(site), Person.new(site)
    video_id = player.upload(clip(), "Before the failover")
    site.wait(lambda: player.is_done(video_id), what="the render", seconds=RENDER_SECONDS)
    assert voter.vote(video_id).status_code == 200
    hosts = {each.id for each in site.instances("web")}
    site.shut_database()
    refused = watch(site, late, video_id)
    site.open_database()
    returned = site.wait(lambda: late.vote(video_id).status_code == 200, what="the vote", seconds=RETURN_SECONDS)
    assert player.video(video_id)["votes"] == 2
    assert {each.id for each in site.instances("web")} == hosts
    return {"refused_meanwhile": refused, "back_after_seconds": returned}


def watch(site: Rehearsal, voter: Person, video_id: str) -> int:
    """Check throughout the failover that a vote gets 503 and /ready gets 200; return the number of rejected votes."""
    until, refused = time.monotonic() + AWAY_SECONDS, 0
    with site.client() as client:
        while time.monotonic() < until:
            answer = voter.vote(video_id)
            refused += is_refusal(answer)
            assert client.get("/ready").status_code == 200
            time.sleep(2)
    return refused


def is_refusal(answer: httpx.Response) -> bool:
    """Return True after checking that the response is a 503 in the API's error format."""
    assert answer.status_code == 503, answer.text
    assert set(answer.json()) == {"detail"}
    assert int(answer.headers["Retry-After"]) > 0
    return True
