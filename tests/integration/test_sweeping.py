"""The sweep deletes unreferenced objects, abandoned temporary files and expired rows, and nothing else."""

import os
import time
import uuid
from pathlib import Path

import pytest

from app.config import Settings
from app.db.database import db_now, read_now
from app.db.models import IdempotencyKey, RefreshToken, Session, User, Video
from app.operations.bursts import KEPT_SECONDS
from app.operations.sweeping import sweep_objects, sweep_rows, sweep_work_dir
from app.storage.s3 import S3Store
from testing.homes import Home
from tests.ledger import add_clip, add_player


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings under which everything is old enough to be swept."""
    return settings.model_copy(update={"sweep_age_seconds": 0.0})


@pytest.fixture
def store(settings: Settings) -> S3Store:
    return S3Store(settings.s3_bucket, presigned_url_seconds=600)


def put(store: S3Store, tmp_path: Path, *keys: str) -> None:
    (tmp_path / "object").write_bytes(b"x")
    for key in keys:
        store.upload(tmp_path / "object", key, content_type="video/mp4")


def test_only_objects_that_no_living_video_refers_to_are_swept(
    settings: Settings, store: S3Store, own_home: Home, tmp_path: Path
) -> None:
    living = add_clip(settings, processed_key="processed-videos/v/winner.mp4", poster_key="posters/v/winner.jpg")
    deleted = add_clip(settings, deleted_at=db_now())
    kept = {f"unprocessed-videos/{living}.mp4", "processed-videos/v/winner.mp4", "posters/v/winner.jpg"}
    swept = {
        f"unprocessed-videos/{deleted}.mp4",
        f"unprocessed-videos/{uuid.uuid4()}.mp4",
        "processed-videos/v/zombie.mp4",
        "posters/v/zombie.jpg",
    }
    put(store, tmp_path, *kept, *swept, "elsewhere/untouched")
    assert sweep_objects(store, settings) == len(swept)
    assert own_home.bucket.stored_keys() == kept | {"elsewhere/untouched"}


def test_a_young_object_is_left_alone(settings: Settings, store: S3Store, own_home: Home, tmp_path: Path) -> None:
    put(store, tmp_path, "unprocessed-videos/in-the-making.mp4")
    assert sweep_objects(store, settings.model_copy(update={"sweep_age_seconds": 3600.0})) == 0
    assert "unprocessed-videos/in-the-making.mp4" in own_home.bucket.stored_keys()


def test_abandoned_temporary_files_are_swept_and_young_ones_left(settings: Settings) -> None:
    settings.work_dir.mkdir(exist_ok=True)
    old, young = settings.work_dir / "job-old", settings.work_dir / "upload-young.mp4"
    (old / "render").mkdir(parents=True)
    (old / "render" / "clip.mp4").write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    assert sweep_work_dir(settings.model_copy(update={"sweep_age_seconds": 3600.0})) == 1
    assert not old.exists()
    assert young.exists()
    young.unlink()


def test_expired_sessions_and_old_answers_are_swept(settings: Settings) -> None:
    assert settings.s3_bucket
    player, now = add_player(), read_now()
    sessions = {name: uuid.uuid4() for name in ("expired", "living")}
    for name, session in sessions.items():
        expires_at = now - 1 if name == "expired" else now + 60
        Session.insert(id=session, user=player, created_at=now, expires_at=expires_at).execute()
        RefreshToken.insert(digest=name, session=session, expires_at=expires_at).execute()
    for key, scope, age in (("old", "signup", 90_000), ("young", "signup", 60), ("old", "import", 90_000)):
        IdempotencyKey.insert(
            scope=scope, key=key, fingerprint="f", resource_id=uuid.uuid4(), created_at=now - age
        ).execute()
    sweep_rows()
    assert [row.id for row in Session.select()] == [sessions["living"]]
    assert [row.digest for row in RefreshToken.select()] == ["living"]
    assert {(row.scope, row.key) for row in IdempotencyKey.select()} == {("signup", "young"), ("import", "old")}
    assert Video.select().count() == 0


def test_the_hashed_address_of_a_sign_up_is_deleted_after_a_week(settings: Settings) -> None:
    assert settings.s3_bucket
    fresh, old = add_player(), add_player()
    User.update(signup_address="a" * 64).execute()
    User.update(created_at=read_now() - KEPT_SECONDS - 1).where(User.id == old).execute()
    assert sweep_rows() == 1
    assert (User.get_by_id(fresh).signup_address, User.get_by_id(old).signup_address) == ("a" * 64, None)
