"""Uploading in a browser, and a player's own clips."""

import re
import uuid
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from app.db.models import Job, JobState, Video, VideoStatus
from testing.browsing import Visitor, visiting
from testing.homes import unique
from testing.people import Player
from testing.sites import Site, SiteMaker

TARGET = re.compile(r'action="(/me/upload\?key=[^"]+)"')


@pytest.fixture
def player(site: Site) -> Player:
    return site.sign_up(city=unique("Leticia"))


@pytest.fixture
def visitor(site: Site, player: Player) -> Iterator[Visitor]:
    with visiting(site) as visitor:
        assert visitor.post("/signin", {"email": player.email, "password": player.password}).status_code == 303
        yield visitor


def upload(visitor: Visitor, target: str, clip: bytes, *, title: str = "Clavada", **headers: str) -> httpx.Response:
    return visitor.http.post(
        target,
        data={"title": title},
        files={"video_file": ("clip.mp4", clip, "video/mp4")},
        headers={"Origin": visitor.origin, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )


def target_of(visitor: Visitor) -> str:
    return unescape(TARGET.findall(visitor.get("/me/upload").text)[0])


def shown(visitor: Visitor) -> str:
    answer = visitor.get("/me")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return answer.text


@pytest.fixture(scope="session")
def clip(small_clip: Path) -> bytes:
    return small_clip.read_bytes()


def test_a_visitor_who_is_not_signed_in_signs_in_first(site: Site) -> None:
    with visiting(site) as stranger:
        for path in ("/me", "/me/upload"):
            assert stranger.get(path).headers["Location"] == f"/signin?next={path.replace('/', '%2F')}"
        assert upload(stranger, "/me/upload", b"x").headers["Location"] == "/signin?next=%2Fme%2Fupload"
        assert upload(stranger, "/me/upload", b"x", X_Fragment="1").status_code == 401


def test_a_clip_that_is_sent_twice_is_one_clip(site: Site, visitor: Visitor, player: Player, clip: bytes) -> None:
    target = target_of(visitor)
    assert upload(visitor, target, clip).headers["Location"] == "/me"
    again = upload(visitor, target, clip, X_Fragment="1")
    assert (again.status_code, again.headers["Location"]) == (201, "/me")
    assert site.video_count(player) == 1
    assert "Clavada" in shown(visitor)
    assert upload(visitor, target_of(visitor), clip).status_code == 303
    assert site.video_count(player) == 2


def test_a_clip_that_is_not_suitable_is_explained_and_the_title_is_kept(visitor: Visitor) -> None:
    answer = upload(visitor, target_of(visitor), b"not a clip", title="Mi jugada <3")
    assert answer.status_code == 400
    assert "This file cannot be used." in answer.text
    assert 'value="Mi jugada &lt;3"' in answer.text
    with_script = upload(visitor, target_of(visitor), b"not a clip", X_Fragment="1")
    assert (with_script.status_code, with_script.text.strip().startswith('<p class="problem"')) == (400, True)


@pytest.mark.parametrize("title", ["", " ", "x" * 201, "a\u202eb"])
def test_a_title_that_is_not_suitable_is_explained(title: str, visitor: Visitor, clip: bytes) -> None:
    answer = upload(visitor, target_of(visitor), clip, title=title)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_a_page_of_another_site_cannot_upload(site: Site, visitor: Visitor, player: Player, clip: bytes) -> None:
    answer = upload(visitor, target_of(visitor), clip, Origin="https://evil.example")
    assert answer.status_code == 403
    assert site.video_count(player) == 0


def test_too_many_uploads_get_a_sentence(make_site: SiteMaker) -> None:
    site = make_site(UPLOAD_LIMIT_PER_ACCOUNT="1 per 1 hour")
    player = site.sign_up()
    with visiting(site) as visitor:
        visitor.post("/signin", {"email": player.email, "password": player.password})
        upload(visitor, target_of(visitor), b"x")
        assert upload(visitor, target_of(visitor), b"x", X_Fragment="1").status_code == 429


def test_a_waiting_clip_shows_its_place_in_the_queue(site: Site, visitor: Visitor, player: Player) -> None:
    before = site.publish_video(site.sign_up(), status=VideoStatus.UPLOADED, age=200)
    own = site.publish_video(player, status=VideoStatus.UPLOADED, age=100)
    page = shown(visitor)
    ahead = int(re.findall(r"(\d+) clips? (?:is|are) ahead of it", page)[0])
    with site.tables():
        Job.update(state=JobState.CANCELLED).where(Job.video == uuid.UUID(before)).execute()
    assert f"{ahead - 1} clip" in shown(visitor) or "It is next." in shown(visitor)
    with site.tables():
        Job.update(state=JobState.RUNNING, started_at=1, progress=0.42).where(Job.video == uuid.UUID(own)).execute()
    page = shown(visitor)
    assert "Processing · 42 %" in page
    assert "minutes left" in page
    with site.tables():
        Job.update(state=JobState.CANCELLED).where(Job.video == uuid.UUID(own)).execute()


def test_a_failed_clip_shows_the_reason_and_what_to_do(site: Site, visitor: Visitor, player: Player) -> None:
    clip = site.publish_video(player, status=VideoStatus.FAILED)
    with site.tables():
        Video.update(failure_code="render_timed_out").where(Video.id == uuid.UUID(clip)).execute()
        Job.update(state=JobState.FAILED).where(Job.video == uuid.UUID(clip)).execute()
    assert "Record it in 1080p or 4K" in shown(visitor)


def test_a_clip_can_be_deleted_until_it_is_published(site: Site, visitor: Visitor, player: Player) -> None:
    waiting, published = site.publish_video(player, published=False, title="Waiting"), site.publish_video(player)
    assert f"/me/{waiting}/delete" in shown(visitor)
    assert f"/me/{published}/delete" not in shown(visitor)
    assert visitor.post(f"/me/{waiting}/delete").headers["Location"] == "/me"
    assert "Waiting" not in shown(visitor)
    answer = visitor.post(f"/me/{published}/delete")
    assert (answer.status_code, "it cannot be deleted" in answer.text) == (400, True)


def test_a_clip_of_another_account_cannot_be_deleted(site: Site, visitor: Visitor) -> None:
    other = site.publish_video(site.sign_up(), published=False)
    assert visitor.post(f"/me/{other}/delete").status_code == 403
    assert visitor.post("/me/nothing/delete").status_code == 404


def test_a_hidden_clip_has_no_file_on_its_players_page(site: Site, visitor: Visitor, player: Player) -> None:
    clip = site.publish_video(player)
    with site.tables():
        Video.update(hidden_at=1.0).where(Video.id == uuid.UUID(clip)).execute()
    page = shown(visitor)
    assert "The organisers removed the clip." in page
    assert "processed-videos" not in page
