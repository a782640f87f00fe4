"""POST /api/videos/upload: accepted uploads and their effects. `test_bad_uploads.py` tests the refusals."""

import hashlib
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from app.db.models import Job, JobState, Video, VideoStatus
from testing.answers import Json, all_at_once, refusal
from testing.homes import Home, unique
from testing.people import Player
from testing.sites import Site, running_site

MESSAGE = "Video subido correctamente. Procesamiento en curso."


def accepted(player: Player, clip: Path, **options: object) -> str:
    """Upload the clip and return its ID."""
    answer = player.upload(clip, **options)  # type: ignore[arg-type]
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def test_an_upload_is_answered_with_its_id_and_stored_and_queued(site: Site, small_clip: Path) -> None:
    player = site.sign_up()
    answer = player.upload(small_clip, title="Mi mejor jugada")
    assert answer.status_code == 201
    body = answer.json()
    assert body["message"] == MESSAGE
    assert set(body) - {"video_id"} == {"message", "task_id"}
    assert body.get("video_id", body["task_id"]) == body["task_id"]
    video_id = uuid.UUID(body["task_id"])
    with site.tables():
        video, job = Video.get_by_id(video_id), Job.get(Job.video == video_id)
        assert (video.title, video.status, str(video.user_id)) == ("Mi mejor jugada", VideoStatus.UPLOADED, player.id)
        assert video.original_bytes == small_clip.stat().st_size
        assert video.original_sha256 == hashlib.sha256(small_clip.read_bytes()).hexdigest()
        assert (job.state, job.attempt) == (JobState.QUEUED, 0)
    assert f"unprocessed-videos/{video_id}.mp4" in site.bucket.stored_keys()
    assert list(site.work_dir.iterdir()) == []


def test_the_stored_original_equals_the_upload_byte_for_byte(site: Site, small_clip: Path) -> None:
    video_id = accepted(site.sign_up(), small_clip)
    with site.bucket.client() as client:
        stored = client.get_object(Bucket=site.bucket.name, Key=f"unprocessed-videos/{video_id}.mp4")["Body"].read()
    assert stored == small_clip.read_bytes()


def test_a_new_clip_is_visible_to_its_owner_but_not_to_the_public(site: Site, small_clip: Path) -> None:
    player = site.sign_up()
    video_id = accepted(player, small_clip)
    assert [video["video_id"] for video in player.get("/api/videos").json()] == [video_id]
    assert player.get(f"/api/videos/{video_id}").json()["status"] == "uploaded"
    assert refusal(site.api.get(f"/api/public/videos/{video_id}"), 404)
    assert refusal(player.vote(video_id), 404)


@pytest.mark.parametrize("part", ["video_file", "file"])
def test_the_file_may_have_either_name(site: Site, small_clip: Path, part: str) -> None:
    assert accepted(site.sign_up(), small_clip, part=part)


def test_the_route_answers_with_a_trailing_slash_too(site: Site, small_clip: Path) -> None:
    with small_clip.open("rb") as video:
        answer = site.sign_up().request(
            "POST",
            "/api/videos/upload/",
            data={"title": "Clip"},
            files={"video_file": ("clip.mp4", video, "video/mp4")},
        )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "title",
    [
        "x",
        "x" * 200,
        "🏀" * 200,
        "👨‍👩‍👧 en la final",
        "مباراة النهائي",
        "می\u200cخواهم ببرم",
        "<b>Ana</b> & 'Eva'",
        "{{7*7}}",
        "ñandú",
        "ﷺ",
    ],
)
def test_a_title_is_returned_unchanged(site: Site, small_clip: Path, title: str) -> None:
    player = site.sign_up()
    video_id = accepted(player, small_clip, title=title)
    shown = player.get(f"/api/videos/{video_id}")
    assert shown.json()["title"] == title
    assert shown.headers["content-type"].startswith("application/json")
    assert [video["title"] for video in player.get("/api/videos").json()] == [title]


FILE_NAMES = (
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/absolute/clip.mp4",
    "a\x00b.mp4",
    "n" * 300 + ".mp4",
    "clip",
    "🏀.mp4",
    "clip.MOV",
)


@pytest.mark.parametrize("filename", FILE_NAMES, ids=repr)
def test_the_file_name_that_the_client_sends_is_ignored(site: Site, small_clip: Path, filename: str) -> None:
    player, files_before = site.sign_up(), everything_below(site.home.folder)
    video_id = accepted(player, small_clip, filename=filename)
    assert f"unprocessed-videos/{video_id}.mp4" in site.bucket.stored_keys()
    assert list(site.work_dir.iterdir()) == []
    assert everything_below(site.home.folder) == files_before


def everything_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm", "-journal"))}


def test_other_fields_of_the_form_are_ignored(site: Site, small_clip: Path) -> None:
    with small_clip.open("rb") as video:
        answer = site.sign_up().request(
            "POST",
            "/api/videos/upload",
            data={"title": "Clip", "description": "x", "user_id": "1"},
            files={"video_file": ("clip.mp4", video, "video/mp4")},
        )
    assert answer.status_code in {201, 422}


def test_two_uploads_are_two_clips(site: Site, small_clip: Path) -> None:
    player = site.sign_up()
    assert accepted(player, small_clip) != accepted(player, small_clip)
    assert site.video_count(player) == 2


def test_a_client_that_expects_100_continue_receives_it(site: Site, small_clip: Path) -> None:
    player = site.sign_up()
    ready_made = site.api.build_request(
        "POST",
        "/api/videos/upload",
        data={"title": "Clip"},
        files={"video_file": ("clip.mp4", small_clip.read_bytes())},
    )
    body = ready_made.read()
    head = f"POST /api/videos/upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: Bearer {player.access_token}\r\nContent-Type: {ready_made.headers['Content-Type']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head.encode())
        with closing(connection.makefile("rb")) as answer:
            assert answer.readline().split()[1] == b"100"
            assert answer.readline() == b"\r\n"
            connection.sendall(body)
            assert answer.readline().split()[1] == b"201"


# Slow uploads


@pytest.fixture(scope="module")
def site_behind_a_proxy(home: Home) -> Iterator[Site]:
    with running_site(home.with_settings(TRUSTED_PROXY="127.0.0.1")) as site:
        yield site


def begun(seconds_ago: float) -> dict[str, str]:
    """Return the header with which the proxy reports when the request began."""
    return {"X-Request-Start": f"t={time.time() - seconds_ago:.3f}"}


def with_a_token_that_expired(player: Player, seconds_ago: float) -> Player:
    return replace(player, access_token=player.site.token(player, exp=int(time.time() - seconds_ago)))


def test_a_token_that_expires_while_the_clip_arrives_is_accepted(site_behind_a_proxy: Site, small_clip: Path) -> None:
    slow = with_a_token_that_expired(site_behind_a_proxy.sign_up(), 30)
    assert accepted(slow, small_clip, headers=begun(60))
    assert refusal(slow.upload(small_clip, headers=begun(10)), 401)
    assert refusal(slow.upload(small_clip), 401)


def test_a_session_that_ends_while_the_clip_arrives_is_refused(site_behind_a_proxy: Site, small_clip: Path) -> None:
    player = site_behind_a_proxy.sign_up()
    assert player.request("DELETE", "/api/auth").status_code == 204
    assert refusal(player.upload(small_clip, headers=begun(60)), 401)


def test_only_a_trusted_proxy_can_state_when_a_request_began(site: Site, small_clip: Path) -> None:
    late = with_a_token_that_expired(site.sign_up(), 30)
    assert refusal(late.upload(small_clip, headers=begun(60)), 401)


# Repeated uploads


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": unique("key")}


def test_the_same_key_and_body_make_one_clip(site: Site, small_clip: Path) -> None:
    player, key = site.sign_up(), keyed()
    answers: list[Json] = [player.upload(small_clip, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert site.video_count(player) == 1


@pytest.mark.parametrize("change", ["title", "clip"])
def test_the_same_key_with_another_body_is_refused(site: Site, small_clip: Path, tmp_path: Path, change: str) -> None:
    player, key = site.sign_up(), keyed()
    accepted(player, small_clip, headers=key)
    other_clip = tmp_path / "other.mp4"
    other_clip.write_bytes(small_clip.read_bytes() + b"\x00\x00\x00\x08free")
    other = player.upload(
        other_clip if change == "clip" else small_clip, title="Other" if change == "title" else "Clip", headers=key
    )
    assert "Idempotency-Key" in str(refusal(other, 422))
    assert site.video_count(player) == 1
    assert list(site.work_dir.iterdir()) == []


def test_uploads_that_race_with_one_key_make_one_clip(site: Site, small_clip: Path) -> None:
    player, key = site.sign_up(), keyed()
    answers = all_at_once(*[lambda: player.upload(small_clip, headers=key)] * 4)
    assert [answer.status_code for answer in answers] == [201] * 4
    (video_id,) = {answer.json()["task_id"] for answer in answers}
    assert site.video_count(player) == 1
    with site.tables():
        rows = {str(video.id) for video in Video.select(Video.id)}
    stored = {key.split("/")[1].removesuffix(".mp4") for key in site.bucket.stored_keys("unprocessed-videos/")}
    assert video_id in stored
    assert stored <= rows


def test_two_players_may_use_the_same_key(site: Site, small_clip: Path) -> None:
    key = keyed()
    assert accepted(site.sign_up(), small_clip, headers=key) != accepted(site.sign_up(), small_clip, headers=key)


def test_a_refused_upload_leaves_its_idempotency_key_unused(site: Site, small_clip: Path, tmp_path: Path) -> None:
    player, key, text = site.sign_up(), keyed(), tmp_path / "text.mp4"
    text.write_text("no clip")
    assert refusal(player.upload(text, headers=key), 400)
    assert accepted(player, small_clip, headers=key)
