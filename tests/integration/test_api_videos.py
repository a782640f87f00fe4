"""A player's own clips: listing, following, fetching and deleting them; other players cannot access them."""

import uuid
from datetime import datetime
from urllib.parse import quote, urlsplit

import httpx
import pytest

from app.db.models import Job, JobState, Video, VideoStatus
from app.showcase.failures import SOUND_UNUSABLE
from testing.answers import MALFORMED_IDS, NUMBERS, UNKNOWN_ID, Json, refusal
from testing.people import Player
from testing.sites import Site, SiteMaker

ALWAYS = {"video_id", "title", "status", "uploaded_at", "votes"}
SOMETIMES = {"processed_at", "processed_url", "failure", "notice"}
DETAIL = {"original_url", "processed_url", "poster_url", "progress"}
NOT_PROCESSED = "El video aún no ha sido procesado"
OWNERS_ROUTES = (
    ("GET", "/api/videos/{}"),
    ("DELETE", "/api/videos/{}"),
    ("GET", "/api/videos/original/{}"),
    ("GET", "/api/videos/processed/{}"),
)

on_every_owners_route = pytest.mark.parametrize(("method", "path"), OWNERS_ROUTES)


def shown(player: Player, video_id: str) -> Json:
    answer = player.get(f"/api/videos/{video_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(site: Site, video_id: str, key: str, content: bytes) -> None:
    """Store an object under the S3 key in the column `key` of the video's row."""
    with site.tables():
        stored = getattr(Video.get_by_id(uuid.UUID(video_id)), key)
    with site.bucket.client() as client:
        client.put_object(Bucket=site.bucket.name, Key=stored, Body=content)


# The list


def test_a_new_player_has_no_clips(site: Site) -> None:
    answer = site.sign_up().get("/api/videos")
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("status", VideoStatus)
def test_a_clip_in_any_state_is_listed_with_the_contracts_fields(site: Site, status: VideoStatus) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, status=status, votes=3, title="Título")
    (listed,) = player.get("/api/videos").json()
    assert set(listed) >= ALWAYS
    assert set(listed) <= ALWAYS | SOMETIMES
    assert (listed["video_id"], listed["title"], listed["votes"]) == (video_id, "Título", 3)
    assert listed["status"] == status.value
    assert datetime.fromisoformat(listed["uploaded_at"]).tzinfo is not None


def test_a_processed_clip_is_listed_with_its_time_and_urls(site: Site) -> None:
    player = site.sign_up()
    site.publish_video(player)
    (listed,) = player.get("/api/videos").json()
    assert datetime.fromisoformat(listed["processed_at"])
    assert listed["processed_url"].startswith("http")
    assert listed.get("failure") is None


@pytest.mark.parametrize("status", [VideoStatus.FAILED, VideoStatus.REJECTED])
def test_a_failed_or_rejected_clip_is_listed_with_its_reason(site: Site, status: VideoStatus) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, status=status)
    with site.tables():
        Video.update(failure_code="unreadable").where(Video.id == uuid.UUID(video_id)).execute()
    (listed,) = player.get("/api/videos").json()
    assert "unreadable" in str(listed["failure"])
    assert listed["failure"] == shown(player, video_id)["failure"]


def test_clips_are_listed_oldest_first(site: Site) -> None:
    player = site.sign_up()
    made = {age: site.publish_video(player, age=age) for age in (20, 30, 10)}
    listed = [video["video_id"] for video in player.get("/api/videos").json()]
    assert listed == [made[30], made[20], made[10]]


def test_deleted_clips_and_those_of_others_are_not_listed(site: Site) -> None:
    player = site.sign_up()
    site.publish_video(player, deleted=True)
    site.publish_video(site.sign_up())
    assert player.get("/api/videos").json() == []


@pytest.mark.parametrize("path", ["/api/videos/", "/api/videos/{}/"])
def test_the_routes_answer_with_a_trailing_slash_too(site: Site, path: str) -> None:
    player = site.sign_up()
    assert player.get(path.format(site.publish_video(player))).status_code == 200


def test_the_notice_of_lost_sound_is_shown_to_the_owner_only(site: Site) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player)
    assert "notice" not in shown(player, video_id)
    with site.tables():
        Video.update(notice_code=SOUND_UNUSABLE).where(Video.id == uuid.UUID(video_id)).execute()
    (listed,) = player.get("/api/videos").json()
    assert listed["status"] == "processed"
    assert listed["notice"]["code"] == "sound_unusable"
    assert "sonido" in listed["notice"]["message"]
    assert listed["notice"] == shown(player, video_id)["notice"]
    assert "failure" not in listed
    assert "notice" not in site.api.get(f"/api/public/videos/{video_id}").json()


# One clip


@pytest.mark.parametrize("status", VideoStatus)
def test_a_clip_is_shown_with_the_contracts_fields(site: Site, status: VideoStatus) -> None:
    player = site.sign_up()
    video = shown(player, site.publish_video(player, status=status))
    assert set(video) >= ALWAYS | DETAIL
    assert set(video) <= ALWAYS | DETAIL | SOMETIMES
    assert video["original_url"].startswith("http")
    assert 0 <= video["progress"] <= 1
    processed = status is VideoStatus.PROCESSED
    assert [bool(video[name]) for name in ("processed_url", "poster_url")] == [processed, processed]


def test_the_list_and_the_single_view_of_a_clip_agree(site: Site) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, votes=2)
    (listed,) = player.get("/api/videos").json()
    video = shown(player, video_id)
    same = ALWAYS | {"processed_at"}
    assert {name: video[name] for name in same} == {name: listed[name] for name in same}


def test_the_progress_of_the_ledger_is_shown(site: Site) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, status=VideoStatus.PROCESSING)
    with site.tables():
        Job.update(progress=0.25).where(Job.video == uuid.UUID(video_id)).execute()
    assert shown(player, video_id)["progress"] == 0.25


def test_presigned_urls_work_without_a_token(site: Site) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player)
    for key, name in (
        ("original_key", "original_url"),
        ("processed_key", "processed_url"),
        ("poster_key", "poster_url"),
    ):
        put(site, video_id, key, name.encode())
        assert httpx.get(shown(player, video_id)[name], trust_env=False).content == name.encode()


def test_files_cannot_be_fetched_without_a_signature(site: Site) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player)
    put(site, video_id, "processed_key", b"clip")
    signed = urlsplit(shown(player, video_id)["processed_url"])
    bare = signed._replace(query="").geturl()
    forged = signed._replace(query=signed.query[:-4] + "0000").geturl()
    for url in (bare, forged):
        assert httpx.get(url, trust_env=False).status_code == 403


# Fetching


@pytest.mark.parametrize("kind", ["original", "processed"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_file_route_redirects_to_a_presigned_url(site: Site, kind: str, slash: str) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player)
    put(site, video_id, f"{kind}_key", kind.encode())
    answer = player.get(f"/api/videos/{kind}/{video_id}{slash}")
    assert answer.status_code == 302
    assert "X-Amz-Signature" in answer.headers["Location"]
    assert httpx.get(answer.headers["Location"], trust_env=False).content == kind.encode()


@pytest.mark.parametrize("status", [status for status in VideoStatus if status is not VideoStatus.PROCESSED])
def test_a_clip_that_was_not_processed_has_an_original_only(site: Site, status: VideoStatus) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, status=status)
    assert refusal(player.get(f"/api/videos/processed/{video_id}"), 400) == NOT_PROCESSED
    assert player.get(f"/api/videos/original/{video_id}").status_code == 302


def test_with_a_media_base_url_public_urls_are_the_cdns_and_the_original_stays_private(
    make_site: SiteMaker,
) -> None:
    site = make_site(MEDIA_BASE_URL="https://media.example.com/stars/")
    player = site.sign_up()
    video_id = site.publish_video(player)
    video = shown(player, video_id)
    with site.tables():
        row = Video.get_by_id(uuid.UUID(video_id))
    assert video["processed_url"] == f"https://media.example.com/stars/{row.processed_key}"
    assert video["poster_url"] == f"https://media.example.com/stars/{row.poster_key}"
    assert "X-Amz-Signature" in video["original_url"]
    public = site.api.get(f"/api/public/videos/{video_id}").json()
    assert public["processed_url"] == video["processed_url"]


# Deleting


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_clip_that_was_not_published_can_be_deleted(site: Site, slash: str) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, published=False)
    answer = player.request("DELETE", f"/api/videos/{video_id}{slash}")
    assert answer.status_code == 200
    assert answer.json() == {"message": "El video ha sido eliminado exitosamente.", "video_id": video_id}
    assert refusal(player.get(f"/api/videos/{video_id}"), 404) == "Video not found"
    assert player.get("/api/videos").json() == []


@on_every_owners_route
def test_a_deleted_clip_is_not_found(site: Site, method: str, path: str) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, published=False)
    player.request("DELETE", f"/api/videos/{video_id}")
    assert refusal(player.request(method, path.format(video_id)), 404) == "Video not found"


def test_deleting_a_waiting_clip_cancels_its_job(site: Site) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, status=VideoStatus.UPLOADED)
    assert player.request("DELETE", f"/api/videos/{video_id}").status_code == 200
    with site.tables():
        assert Job.get(Job.video == uuid.UUID(video_id)).state is JobState.CANCELLED


def test_a_published_clip_cannot_be_deleted(site: Site) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player)
    assert isinstance(refusal(player.request("DELETE", f"/api/videos/{video_id}"), 400), str)
    assert shown(player, video_id)["status"] == "processed"
    assert site.api.get(f"/api/public/videos/{video_id}").status_code == 200


@pytest.mark.parametrize("status", [VideoStatus.FAILED, VideoStatus.REJECTED, VideoStatus.UPLOADED])
def test_a_clip_that_was_never_published_can_be_deleted_in_any_state(site: Site, status: VideoStatus) -> None:
    player = site.sign_up()
    video_id = site.publish_video(player, status=status)
    assert player.request("DELETE", f"/api/videos/{video_id}").status_code == 200


# Ownership


@on_every_owners_route
def test_another_players_clip_is_forbidden_and_stays_unchanged(site: Site, method: str, path: str) -> None:
    owner = site.sign_up()
    video_id = site.publish_video(owner, published=False)
    assert isinstance(refusal(site.sign_up().request(method, path.format(video_id)), 403), str)
    assert shown(owner, video_id)["video_id"] == video_id


@on_every_owners_route
@pytest.mark.parametrize("video_id", [UNKNOWN_ID, *NUMBERS])
def test_a_clip_that_does_not_exist_is_not_found(site: Site, method: str, path: str, video_id: str) -> None:
    assert refusal(site.sign_up().request(method, path.format(video_id)), 404)


def test_an_unknown_clip_is_not_found_in_the_contracts_words(site: Site) -> None:
    assert refusal(site.sign_up().get(f"/api/videos/{UNKNOWN_ID}"), 404) == "Video not found"


@on_every_owners_route
@pytest.mark.parametrize("video_id", MALFORMED_IDS)
def test_a_malformed_id_is_not_found(site: Site, method: str, path: str, video_id: str) -> None:
    assert refusal(site.sign_up().request(method, path.format(quote(video_id))), 404)


@pytest.mark.parametrize("video_id", MALFORMED_IDS)
def test_a_malformed_id_in_a_request_for_one_clip_is_explained_in_a_list(site: Site, video_id: str) -> None:
    detail = refusal(site.sign_up().get(f"/api/videos/{quote(video_id)}"), 404)
    assert isinstance(detail, list)
    assert {"loc", "msg", "type"} <= set(detail[0])


@on_every_owners_route
@pytest.mark.parametrize("video_id", ["known", "abc", UNKNOWN_ID])
def test_without_a_token_the_answer_reveals_nothing_about_the_clip(
    site: Site, method: str, path: str, video_id: str
) -> None:
    known = site.publish_video(site.sign_up())
    answer = site.api.request(method, path.format(known if video_id == "known" else video_id))
    assert refusal(answer, 401) == "Could not validate credentials"
