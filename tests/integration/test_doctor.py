"""The doctor finds each fault of a site, and finds nothing on a healthy one."""

import hashlib
import subprocess
import uuid
from pathlib import Path

import pytest

from app.config import Settings
from app.db.database import db_now, read_now
from app.db.models import Job, JobState, User, Video, VideoStatus, Vote, Worker
from app.operations import jobs, presence, voiding
from app.operations.doctor import Doctor, Finding
from app.showcase import voting
from app.showcase.ledger import leases
from app.showcase.ledger.leases import Output
from app.storage.keys import original_key, poster_key, result_key
from app.storage.s3 import S3Store
from testing.homes import PROGRAMS, Home
from tests.ledger import add_clip, add_player, claim, job_of

LONG_AGO = 100_000


@pytest.fixture
def settings(settings: Settings, own_home: Home) -> Settings:
    """Settings of a site with one healthy worker and an empty bucket."""
    with own_home.bucket.client() as client:
        for key in own_home.bucket.stored_keys():
            client.delete_object(Bucket=own_home.bucket.name, Key=key)
    presence.report("host:1", None)
    return settings


@pytest.fixture
def store(settings: Settings) -> S3Store:
    return S3Store(settings.s3_bucket, presigned_url_seconds=600)


@pytest.fixture
def clip(settings: Settings, store: S3Store, tmp_path: Path) -> uuid.UUID:
    """A published clip with all its rows and objects."""
    content = b"a clip"
    sha256 = hashlib.sha256(content).hexdigest()
    (tmp_path / "object").write_bytes(content)
    video = add_clip(settings, original_bytes=len(content), original_sha256=sha256)
    store.upload(tmp_path / "object", original_key(video), content_type="video/mp4")
    lease = claim(settings)
    key, poster = result_key(video, lease.token), poster_key(video, lease.token)
    store.upload(tmp_path / "object", poster, content_type="image/jpeg")
    store.upload_checked(tmp_path / "object", key, content_type="video/mp4", sha256=sha256)
    assert leases.succeed(lease, Output(key, poster, len(content), sha256), publish=True)
    return video


def findings(store: S3Store, settings: Settings) -> list[Finding]:
    return [finding for _, check in Doctor(store, settings).checks() for finding in check()]


def only_finding(store: S3Store, settings: Settings) -> Finding:
    found = findings(store, settings)
    assert len(found) == 1, found
    return found[0]


def test_a_healthy_site_gets_no_finding(settings: Settings, store: S3Store, clip: uuid.UUID) -> None:
    voter = add_player()
    voting.vote(voter, clip, allow_self_vote=True)
    add_clip(settings)
    queued = Job.get(Job.state == JobState.QUEUED)
    Video.update(original_key=Video.get_by_id(clip).original_key).where(Video.id == queued.video_id).execute()
    assert findings(store, settings) == []


def test_a_site_without_workers_gets_a_finding(settings: Settings, store: S3Store) -> None:
    Worker.delete().execute()
    assert "No worker has reported" in only_finding(store, settings).what


def test_a_silent_or_unhealthy_worker_is_named(settings: Settings, store: S3Store) -> None:
    presence.report("host:2", "This machine's clock is 3600 s fast")
    assert only_finding(store, settings) == Finding(
        "Worker host:2 is not healthy.", "This machine's clock is 3600 s fast"
    )
    presence.report("host:2", None)
    Worker.update(seen_at=read_now() - 600).where(Worker.name == "host:2").execute()
    assert "last reported" in only_finding(store, settings).what
    presence.leave("host:2")
    assert findings(store, settings) == []


def test_an_expired_lease_that_was_not_reaped_is_found(settings: Settings, store: S3Store, clip: uuid.UUID) -> None:
    Job.update(state=JobState.RUNNING, lease_expires_at=read_now() - LONG_AGO).where(Job.video == clip).execute()
    finding = only_finding(store, settings)
    assert str(job_of(clip).id) in finding.what
    assert "rising-stars-upkeep" in finding.remedy


def test_due_jobs_without_a_doorbell_message_are_found(settings: Settings, store: S3Store, clip: uuid.UUID) -> None:
    Job.update(state=JobState.QUEUED, run_at=read_now() - LONG_AGO).where(Job.video == clip).execute()
    assert "the doorbell has not rung" in only_finding(store, settings).what
    Job.update(dispatched_at=read_now()).where(Job.video == clip).execute()
    assert "no worker works" in only_finding(store, settings).what


def test_a_clip_stuck_without_a_job_is_found_and_the_remedy_cures_it(
    settings: Settings, store: S3Store, clip: uuid.UUID
) -> None:
    Video.update(status=VideoStatus.PROCESSING).where(Video.id == clip).execute()
    Job.update(state=JobState.FAILED).where(Job.video == clip).execute()
    assert only_finding(store, settings).remedy == f"rising-stars jobs retry {clip}"
    jobs.retry(clip, actor="operator")
    assert findings(store, settings) == []


def test_a_counter_that_drifted_is_found_and_the_remedy_cures_it(
    settings: Settings, store: S3Store, clip: uuid.UUID
) -> None:
    Vote.insert(user=add_player(), video=clip, created_at=db_now()).execute()
    finding = only_finding(store, settings)
    assert finding.remedy == f"rising-stars videos recount {clip}"
    assert voiding.recount(clip, actor="operator") == (0, 1)
    assert findings(store, settings) == []


@pytest.mark.parametrize("column", ["processed_key", "poster_key"])
def test_a_lost_result_is_found_and_rendered_again_without_losing_its_votes(
    column: str, settings: Settings, store: S3Store, clip: uuid.UUID
) -> None:
    voting.vote(add_player(), clip, allow_self_vote=True)
    before = Video.get_by_id(clip)
    store.delete(getattr(before, column))
    assert only_finding(store, settings).remedy == f"rising-stars jobs retry --again {clip}"
    jobs.retry(clip, actor="operator", again=True)
    lease = claim(settings)
    assert leases.succeed(lease, Output("processed-videos/new.mp4", "posters/new.jpg", 1, "00" * 32), publish=True)
    after = Video.get_by_id(clip)
    assert (after.votes, after.published_at) == (1, before.published_at)
    assert after.processed_key == "processed-videos/new.mp4"


def test_a_damaged_result_is_found(settings: Settings, store: S3Store, clip: uuid.UUID, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"b clip")
    key = Video.get_by_id(clip).processed_key
    assert key is not None
    other = hashlib.sha256(b"b clip").hexdigest()
    store.upload_checked(tmp_path / "other", key, content_type="video/mp4", sha256=other)
    assert "missing or damaged" in only_finding(store, settings).what


def test_a_lost_original_is_found(settings: Settings, store: S3Store, clip: uuid.UUID) -> None:
    store.delete(original_key(clip))
    assert "original" in only_finding(store, settings).what


def test_data_that_the_sweep_should_have_deleted_is_found(
    settings: Settings, store: S3Store, clip: uuid.UUID, tmp_path: Path
) -> None:
    assert clip
    (tmp_path / "object").write_bytes(b"left")
    store.upload(tmp_path / "object", "processed-videos/left.mp4", content_type="video/mp4")
    ancient = settings.model_copy(update={"sweep_age_seconds": -LONG_AGO})
    assert "processed-videos/left.mp4" in only_finding(store, ancient).what


def test_the_doctor_changes_nothing_and_its_exit_code_depends_on_findings(
    own_home: Home, settings: Settings, store: S3Store, clip: uuid.UUID
) -> None:
    assert settings.s3_bucket
    doctor = [str(PROGRAMS / "rising-stars"), "doctor"]
    healthy = subprocess.run(doctor, env=own_home.environment, capture_output=True, text=True, check=False)
    assert (healthy.returncode, "✘" in healthy.stdout) == (0, False), healthy.stdout + healthy.stderr
    store.delete(original_key(clip))
    before = list(Video.select().dicts()), list(Job.select().dicts()), list(User.select().dicts())
    ill = subprocess.run(doctor, env=own_home.environment, capture_output=True, text=True, check=False)
    assert ill.returncode == 1
    assert str(clip) in ill.stdout
    assert (list(Video.select().dicts()), list(Job.select().dicts()), list(User.select().dicts())) == before
