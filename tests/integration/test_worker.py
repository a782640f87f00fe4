"""Real workers that receive real signals lose no job and leave no process or file behind."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from app.config import Settings
from app.db.models import Job, JobState, Video, VideoStatus
from app.operations import jobs
from app.showcase import videos
from app.storage.keys import original_key
from app.storage.s3 import S3Store
from tasks.broker import RING_SECONDS, create_broker
from testing.clips import make_clip
from testing.homes import Home, unique
from testing.preloaded import PreloadedSubprocess
from testing.processes import Subprocess, wait_until
from tests.ledger import add_clip, add_player, job_of, opened

SLOW = {"RENDER_PRESET": "placebo"}
"""Settings that make a render last longer than any test in this file."""
RESTLESS = {
    "LEASE_SECONDS": "2",
    "HEARTBEAT_SECONDS": "0.5",
    "UPKEEP_INTERVAL_SECONDS": "0.5",
    "REDISPATCH_AFTER_SECONDS": "2",
    "BACKOFF_BASE_SECONDS": "0.5",
}


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "long.mp4", seconds=30, fps=5, width=640, height=360)


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "short.mp4", seconds=2, fps=10, width=640, height=360)


@dataclass
class Workshop:
    """A ledger and a store, and the real programs that a test starts to use them."""

    home: Home
    settings: Settings
    store: S3Store
    stack: ExitStack

    def start(self, program: str, **settings: str) -> Subprocess:
        """Start one of the platform's programs."""
        process = PreloadedSubprocess(
            [program],
            log=self.home.folder / f"{unique(program)}.log",
            environment=self.home.with_settings(**RESTLESS, **settings).environment,
        )
        self.stack.callback(process.stop)
        return process

    def add(self, clip: Path, owner: uuid.UUID | None = None) -> uuid.UUID:
        """Add an uploaded clip whose render job is queued in the ledger, without ringing a doorbell."""
        video = add_clip(self.settings, owner)
        self.store.upload(clip, original_key(video), content_type="video/mp4")
        return video

    def wait_for(self, video: uuid.UUID, state: JobState, seconds: float = 60) -> Job:
        wait_until(lambda: job_of(video).state is state, what=f"job {state}", seconds=seconds)
        return job_of(video)

    def wait_for_ffmpeg(self, worker: Subprocess) -> psutil.Process:
        """Wait for the worker's FFmpeg and return its process."""
        found: list[psutil.Process] = []

        def runs() -> bool:
            found[:] = [child for child in descendants(worker) if "libx264" in command_line(child)]
            return bool(found)

        wait_until(runs, what="FFmpeg's start")
        return found[-1]


def descendants(worker: Subprocess) -> list[psutil.Process]:
    try:
        return list(psutil.Process(worker.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def workshop(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    for name, value in own_home.bucket.environment.items():
        monkeypatch.setenv(name, value)
    with opened(own_home) as settings, ExitStack() as stack:
        # A stopped worker can leave messages in the queue. Delete them, or the next test's worker would receive them.
        create_broker(settings, socket_seconds=RING_SECONDS).flush()
        store = S3Store(own_home.bucket.name, presigned_url_seconds=600)
        yield Workshop(own_home, settings, store, stack)


def test_sigterm_returns_the_job_uncounted_within_the_drain_time(workshop: Workshop, long_clip: Path) -> None:
    video = workshop.add(long_clip)
    worker, _ = workshop.start("rising-stars-worker", **SLOW, DRAIN_SECONDS="1"), workshop.start("rising-stars-upkeep")
    ffmpeg = workshop.wait_for_ffmpeg(worker)
    family = descendants(worker)
    os.kill(worker.pid, signal.SIGTERM)
    wait_until(lambda: not worker.running, what="the worker's end", seconds=10)
    job = job_of(video)
    assert (job.state, job.attempt, job.rescues) == (JobState.QUEUED, 0, 0)
    wait_until(
        lambda: all(has_ended(process) for process in [*family, ffmpeg]), what="the end of all processes", seconds=5
    )
    assert list(workshop.settings.work_dir.glob("job-*")) == []


def test_sigterm_lets_a_render_end_that_fits_in_the_drain_time(workshop: Workshop, short_clip: Path) -> None:
    video = workshop.add(short_clip)
    workshop.start("rising-stars-upkeep")
    worker = workshop.start("rising-stars-worker", RENDER_PRESET="medium", DRAIN_SECONDS="60")
    workshop.wait_for_ffmpeg(worker)
    os.kill(worker.pid, signal.SIGTERM)
    wait_until(lambda: not worker.running, what="the worker's end", seconds=60)
    assert job_of(video).state is JobState.SUCCEEDED


def test_killing_a_consumer_ends_its_processes_and_its_job_is_rescued(workshop: Workshop, long_clip: Path) -> None:
    video = workshop.add(long_clip)
    workshop.start("rising-stars-upkeep")
    worker = workshop.start("rising-stars-worker", **SLOW)
    ffmpeg = workshop.wait_for_ffmpeg(worker)
    family = descendants(worker)
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(
        lambda: all(has_ended(process) for process in [*family, ffmpeg]), what="the end of all processes", seconds=5
    )
    rescued = workshop.wait_for(video, JobState.QUEUED, seconds=20)
    assert rescued.rescues == 1
    assert Video.get_by_id(video).status is VideoStatus.UPLOADED


def test_a_killed_worker_process_is_replaced_and_loses_no_video(workshop: Workshop, short_clip: Path) -> None:
    video = workshop.add(short_clip)
    workshop.start("rising-stars-upkeep")
    worker = workshop.start("rising-stars-worker", RENDER_PRESET="ultrafast")
    ffmpeg = workshop.wait_for_ffmpeg(worker)
    os.kill(psutil.Process(ffmpeg.pid).ppid(), signal.SIGKILL)
    job = workshop.wait_for(video, JobState.SUCCEEDED)
    assert (job.rescues, job.attempt) == (1, 2)
    shown = Video.get_by_id(video)
    assert shown.processed_key is not None
    assert workshop.store.stat(shown.processed_key).sha256 == job.output_sha256


def test_deleting_a_clip_in_render_ends_its_ffmpeg(workshop: Workshop, long_clip: Path) -> None:
    owner = add_player()
    video = workshop.add(long_clip, owner)
    workshop.start("rising-stars-upkeep")
    ffmpeg = workshop.wait_for_ffmpeg(workshop.start("rising-stars-worker", **SLOW))
    videos.delete_own(owner, video)
    workshop.wait_for(video, JobState.CANCELLED, seconds=10)
    wait_until(lambda: has_ended(ffmpeg), what="FFmpeg's end", seconds=5)
    assert workshop.home.bucket.stored_keys(f"processed-videos/{video}") == set()


def test_a_clip_that_cannot_be_decoded_fails_with_a_reason_and_blocks_no_other_clip(
    workshop: Workshop, short_clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(short_clip.read_bytes()[:2000])
    broken, sound = workshop.add(tmp_path / "broken.mp4"), workshop.add(short_clip)
    workshop.start("rising-stars-upkeep")
    workshop.start("rising-stars-worker", RENDER_PRESET="ultrafast")
    assert workshop.wait_for(broken, JobState.FAILED).error_code == "unreadable_clip"
    assert Video.get_by_id(broken).failure_code == "unreadable_clip"
    workshop.wait_for(sound, JobState.SUCCEEDED)


def test_a_missing_original_is_tried_again_and_then_given_up(workshop: Workshop) -> None:
    video = add_clip(workshop.settings)
    workshop.start("rising-stars-upkeep")
    workshop.start("rising-stars-worker", BACKOFF_MAX_SECONDS="0.5")
    job = workshop.wait_for(video, JobState.FAILED)
    assert (job.attempt, job.error_code) == (job.max_attempts, "original_missing")


def test_an_original_that_arrives_damaged_is_not_rendered(workshop: Workshop, short_clip: Path) -> None:
    video = workshop.add(short_clip)
    Video.update(original_sha256="00" * 32).where(Video.id == video).execute()
    workshop.start("rising-stars-upkeep")
    workshop.start("rising-stars-worker")
    wait_until(lambda: job_of(video).setbacks >= 2, what="the second setback", seconds=30)
    assert job_of(video).error_code == "storage_unavailable"
    assert Video.get_by_id(video).status is not VideoStatus.FAILED


def test_upkeep_finds_a_job_without_a_doorbell_message(workshop: Workshop, short_clip: Path) -> None:
    workshop.start("rising-stars-worker", RENDER_PRESET="ultrafast")
    video = workshop.add(short_clip)
    with pytest.raises(AssertionError, match="did not happen"):
        wait_until(lambda: job_of(video).state is not JobState.QUEUED, what="a start without a ring", seconds=2)
    workshop.start("rising-stars-upkeep")
    workshop.wait_for(video, JobState.SUCCEEDED)


def test_an_operators_retry_renders_a_failed_clip_again(workshop: Workshop, short_clip: Path) -> None:
    video = add_clip(workshop.settings)
    jobs.cancel(video, actor="operator")
    workshop.store.upload(short_clip, original_key(video), content_type="video/mp4")
    workshop.start("rising-stars-upkeep")
    workshop.start("rising-stars-worker", RENDER_PRESET="ultrafast")
    jobs.retry(video, actor="operator")
    workshop.wait_for(video, JobState.SUCCEEDED)
    assert Video.get_by_id(video).status is VideoStatus.PROCESSED
