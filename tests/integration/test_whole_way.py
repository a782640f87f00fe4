"""The main use case: a clip is uploaded, rendered with branding, voted for, and shown in the ranking."""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from pymediainfo import MediaInfo

from app.db.models import Job, JobState
from testing.answers import Json, refusal
from testing.clips import make_clip
from testing.homes import Home, unique
from testing.people import Player
from testing.processes import wait_until
from testing.sites import Site, running_site

RENDER_SECONDS = 120


def footage() -> Path:
    """Return the path of 30 s of real 1080p footage with sound. `make test` downloads the file."""
    found = os.environ.get("FOOTAGE") or next(iter(sorted(Path("var/footage").glob("*.mp4"))), None)
    if found is None:
        pytest.skip("There is no real footage: tests/services/fetch-footage fetches it")
    return Path(found)


def follow(player: Player, video_id: str) -> list[Json]:
    """Poll the clip as its owner until the render has ended, and return the video in each response."""
    views: list[Json] = []

    def ended() -> bool:
        views.append(player.get(f"/api/videos/{video_id}").json())
        return views[-1]["status"] not in {"uploaded", "processing"}

    wait_until(ended, what="the end of the render", seconds=RENDER_SECONDS)
    return views


def fetch(url: str) -> httpx.Response:
    answer = httpx.get(url, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer


@dataclass(frozen=True)
class Journey:
    """A clip that was uploaded and followed until it was processed."""

    site: Site
    player: Player
    source: Path
    video_id: str
    views: list[Json]

    @property
    def video(self) -> Json:
        """The video in the owner's last response."""
        return self.views[-1]


def send(site: Site, source: Path) -> Journey:
    player = site.sign_up(city=unique("Bogotá"))
    answer = player.upload(source, title="La final")
    assert answer.status_code == 201, answer.text
    video_id = str(answer.json()["task_id"])
    return Journey(site, player, source, video_id, follow(player, video_id))


@pytest.fixture(scope="module")
def journey(working_site: Site, small_clip: Path) -> Journey:
    return send(working_site, small_clip)


@pytest.fixture(scope="module")
def broadcast_site(new_home: Callable[[str], Home]) -> Iterator[Site]:
    """A production site with the default profile."""
    home = new_home("production").with_settings(RENDER_PROFILE="broadcast")
    with running_site(home, with_worker=True) as site:
        yield site


@pytest.fixture(scope="module")
def real_journey(broadcast_site: Site) -> Journey:
    """A journey whose clip is real footage."""
    return send(broadcast_site, footage())


def media_info(content: bytes, tmp_path: Path) -> MediaInfo:
    path = tmp_path / "fetched"
    path.write_bytes(content)
    return MediaInfo.parse(path)


def test_an_uploaded_clip_is_processed_without_further_requests(journey: Journey) -> None:
    assert journey.video["status"] == "processed", journey.video
    assert journey.video["processed_at"] >= journey.video["uploaded_at"]
    assert journey.video.get("failure") is None


def test_status_and_progress_only_move_forward_for_the_owner(journey: Journey) -> None:
    order = ["uploaded", "processing", "processed"]
    stations = [order.index(view["status"]) for view in journey.views]
    assert stations == sorted(stations)
    assert all(earlier["progress"] <= later["progress"] for earlier, later in pairwise(journey.views))
    assert journey.video["progress"] == 1


def test_the_ledger_records_success_at_the_first_attempt(journey: Journey) -> None:
    with journey.site.tables():
        job = Job.get(Job.video == uuid.UUID(journey.video_id))
    assert (job.state, job.attempt, job.rescues, job.error_code) == (JobState.SUCCEEDED, 1, 0, None)
    result = fetch(journey.video["processed_url"]).content
    assert (job.output_bytes, job.output_sha256) == (len(result), hashlib.sha256(result).hexdigest())


def test_the_result_is_a_uniform_clip(journey: Journey, tmp_path: Path) -> None:
    answer = fetch(journey.video["processed_url"])
    assert answer.headers["content-type"] == "video/mp4"
    info = media_info(answer.content, tmp_path)
    assert info.general_tracks[0].format == "MPEG-4"
    (video,) = info.video_tracks
    assert (video.format, video.width, video.height) == ("AVC", 1280, 720)
    assert float(video.frame_rate) == 30
    assert 20_000 < float(video.duration) <= 25_100
    # The index precedes the media data, so that a browser can play the clip while it loads.
    assert answer.content.index(b"moov") < answer.content.index(b"mdat")


def test_the_poster_is_a_picture(journey: Journey, tmp_path: Path) -> None:
    answer = fetch(journey.video["poster_url"])
    assert answer.headers["content-type"] == "image/jpeg"
    (picture,) = media_info(answer.content, tmp_path).image_tracks
    assert (picture.format, picture.width, picture.height) == ("JPEG", 1280, 720)


@pytest.mark.parametrize("kind", ["original", "processed"])
def test_the_owner_is_redirected_to_both_files(journey: Journey, kind: str) -> None:
    answer = journey.player.get(f"/api/videos/{kind}/{journey.video_id}")
    assert answer.status_code == 302
    assert fetch(answer.headers["Location"]).content == fetch(journey.video[f"{kind}_url"]).content


def test_the_original_is_kept_apart_and_unchanged(journey: Journey) -> None:
    assert fetch(journey.video["original_url"]).content == journey.source.read_bytes()
    video_id, keys = journey.video_id, journey.site.bucket.stored_keys()
    assert f"unprocessed-videos/{video_id}.mp4" in keys
    for prefix in (f"processed-videos/{video_id}/", f"posters/{video_id}/"):
        assert len([key for key in keys if key.startswith(prefix)]) == 1


def test_the_workers_leave_no_temporary_file(journey: Journey) -> None:
    wait_until(lambda: not list(journey.site.work_dir.iterdir()), what="an empty work directory", seconds=10)


def test_a_published_clip_is_shown_voted_for_and_ranked(journey: Journey) -> None:
    site, player = journey.site, journey.player
    shown = site.api.get(f"/api/public/videos/{journey.video_id}").json()
    assert (shown["title"], shown["username"], shown["votes"]) == ("La final", player.username, 0)
    assert fetch(shown["processed_url"]).content == fetch(journey.video["processed_url"]).content
    voter = site.sign_up()
    assert voter.vote(journey.video_id).status_code == 200
    assert refusal(voter.vote(journey.video_id), 400) == "Ya has votado por este video."
    ranking = site.api.get("/api/public/rankings", params={"city": str(player.city).replace("á", "a")}).json()
    assert ranking == [{"position": 1, "username": player.username, "city": player.city, "votes": 1}]


def test_a_published_clip_can_no_longer_be_deleted(journey: Journey) -> None:
    assert refusal(journey.player.request("DELETE", f"/api/videos/{journey.video_id}"), 400)


def test_a_clip_that_is_deleted_while_it_waits_or_renders_is_never_published(
    working_site: Site, small_clip: Path
) -> None:
    player = working_site.sign_up()
    video_id = player.upload(small_clip).json()["task_id"]
    assert player.request("DELETE", f"/api/videos/{video_id}").status_code == 200

    def ended() -> bool:
        with working_site.tables():
            state = Job.get(Job.video == uuid.UUID(video_id)).state
        assert state in {JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED}
        return state is JobState.CANCELLED

    wait_until(ended, what="the cancellation", seconds=60)
    assert refusal(working_site.api.get(f"/api/public/videos/{video_id}"), 404)


def test_real_footage_is_processed_and_published(real_journey: Journey, tmp_path: Path) -> None:
    assert real_journey.video["status"] == "processed", real_journey.video
    assert fetch(real_journey.video["original_url"]).content == real_journey.source.read_bytes()
    info = media_info(fetch(real_journey.video["processed_url"]).content, tmp_path)
    (video,), (audio,) = info.video_tracks, info.audio_tracks
    assert (video.format, video.width, video.height, float(video.frame_rate)) == ("AVC", 1920, 1080, 30)
    assert 30_000 < float(video.duration) <= 35_100
    assert abs(float(video.duration) - float(audio.duration)) < 200
    shown = real_journey.site.api.get(f"/api/public/videos/{real_journey.video_id}").json()
    assert shown["title"] == "La final"


def test_a_clip_whose_sound_cannot_be_used_is_processed_with_a_notice(broadcast_site: Site, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", fps=1, picture="color=c=orange")
    spatial = clip.read_bytes().replace(b"mp4a", b"apac").replace(b"esds", b"free")
    clip.write_bytes(spatial)
    journey = send(broadcast_site, clip)
    assert journey.video["status"] == "processed", journey.video
    assert journey.video["notice"]["code"] == "sound_unusable"
    assert media_info(fetch(journey.video["processed_url"]).content, tmp_path).audio_tracks == []
