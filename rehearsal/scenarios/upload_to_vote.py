"""Scenario 2: sign up, upload, render, vote, rank and download through the load balancer, and run Postman's story."""

import tempfile
import time
from pathlib import Path

from pymediainfo import MediaInfo

from rehearsal.people import Person, clip, expect
from rehearsal.site import FOLDER, Rehearsal
from testing.newman import tell_story

RENDER_SECONDS = 300


def play(site: Rehearsal) -> dict[str, object]:
    """Upload and render a clip, vote for it twice, and check the responses, the clip and the ranking. Run the story."""
    began = time.monotonic()
    city = f"Rehearsal {time.time_ns()}"
    player, voter = Person.new(site, city=city), Person.new(site)
    video_id = player.upload(clip())
    uploaded = time.monotonic() - began
    rendered = site.wait(lambda: player.is_done(video_id), what="the end of the render", seconds=RENDER_SECONDS)
    video = player.video(video_id)
    verify_clip(site, str(video["processed_url"]))
    assert voter.vote(video_id).status_code == 200
    assert voter.vote(video_id).status_code == 400
    with site.client() as client:
        listed = expect(client.get("/api/public/rankings", params={"city": city}), 200)
        assert [row["votes"] for row in listed] == [1]
        assert client.get("/metrics").status_code == 404
        assert expect(client.get("/ready?deep=1"), 200)
    with tempfile.TemporaryDirectory() as folder:
        statistics = tell_story(site.url, clip(), Path(folder))
    return {
        "upload_seconds": round(uploaded, 1),
        "render_seconds": rendered,
        "postman_checks": statistics["assertions"]["total"],
    }


def verify_clip(site: Rehearsal, url: str) -> None:
    """Check that the rendered clip can be fetched without credentials, and is 16:9."""
    with site.client() as client:
        answer = client.get(url)
    assert answer.status_code == 200, answer.text
    path = FOLDER / "fetched.mp4"
    path.write_bytes(answer.content)
    (track,) = MediaInfo.parse(path).video_tracks
    assert track.width * 9 == track.height * 16
