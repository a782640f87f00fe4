"""Scenario 2: sign-up, upload, render, vote and ranking through the load balancer; URLs work from outside."""

import time

from pymediainfo import MediaInfo

from rehearsal.people import Person, clip, expect
from rehearsal.site import FOLDER, Rehearsal

RENDER_SECONDS = 300


def play(site: Rehearsal) -> dict[str, object]:
    """One player, one voter."""
    began = time.monotonic()
    city = f"Rehearsal {time.time_ns()}"
    player, voter = Person.new(site, city=city), Person.new(site)
    video_id = player.upload(clip())
    uploaded = time.monotonic() - began
    rendered = site.wait(lambda: player.is_done(video_id), what="the end of the render", seconds=RENDER_SECONDS)
    video = player.video(video_id)
    look_at(site, str(video["processed_url"]))
    assert voter.vote(video_id).status_code == 200
    assert voter.vote(video_id).status_code == 400
    with site.client() as client:
        listed = expect(client.get("/api/public/rankings", params={"city": city}), 200)
        assert [row["votes"] for row in listed] == [1]
        assert client.get("/metrics").status_code == 404
        assert expect(client.get("/ready?deep=1"), 200)
    return {"upload_seconds": round(uploaded, 1), "render_seconds": rendered}


def look_at(site: Rehearsal, url: str) -> None:
    """The clip that anybody can fetch is the uniform one."""
    with site.client() as client:
        answer = client.get(url)
    assert answer.status_code == 200, answer.text
    path = FOLDER / "fetched.mp4"
    path.write_bytes(answer.content)
    (track,) = MediaInfo.parse(path).video_tracks
    assert track.width * 9 == track.height * 16
