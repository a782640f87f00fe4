"""One leased job, from the stored original to the committed result.

Download → probe → FFmpeg → verify → upload → commit → clean up. What goes wrong is sorted here into the
four ways a job can leave a worker: failed for good, tried again, put off, given back.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from app.config import ProfileName, Settings
from app.db.database import database
from app.db.errors import DATABASE_UNAVAILABLE
from app.db.models import Video
from app.files import is_disk_full
from app.media.encoder import Rendering
from app.media.errors import (
    ArtworkMissing,
    FfmpegMissing,
    MediaInfoMissing,
    ProbeKilled,
    Reason,
    RenderInterrupted,
    RenderKilled,
    RenderTimedOut,
    UnreadableClip,
    WorkDirectoryFull,
)
from app.showcase import jobs
from app.showcase.failures import SOUND_UNUSABLE
from app.showcase.jobs import Lease, Output
from app.showcase.verification import is_of_verification
from app.storage.errors import ObjectNotFound, StorageUnavailable
from app.storage.keys import poster_key, result_key
from app.storage.s3 import S3Store

log = structlog.get_logger(__name__)

JOB_DIRECTORY_PREFIX = "job-"
INTERNAL_ERROR = "internal_error"

SURROUNDINGS: tuple[type[Exception], ...] = (
    StorageUnavailable,
    WorkDirectoryFull,
    FfmpegMissing,
    MediaInfoMissing,
    ArtworkMissing,
    *DATABASE_UNAVAILABLE,
)
"""Failures that are nobody's clip's fault: they back off, and no attempt is spent on them."""


class Outcome(StrEnum):
    """How a worker and a job part."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ATTEMPT_FAILED = "attempt failed"
    PUT_OFF = "put off"
    """Because of the surroundings: store, database, disk."""
    CANCELLED = "cancelled"
    LOST = "lost"
    """To another worker."""


class ClipEncoder(Protocol):
    """What turns a clip into a branded one (`app.media.encoder.Encoder`)."""

    def render(
        self,
        source: Path,
        directory: Path,
        profile: ProfileName,
        *,
        on_progress: "Progress",
        stop: threading.Event,
    ) -> Rendering:
        """Render `source` inside `directory`."""


class Progress(Protocol):
    """Hears how far a render is, 0 to 1."""

    def __call__(self, fraction: float, /) -> None:
        """Take note."""


class ResultDamaged(StorageUnavailable):
    """The stored result is not the file that was sent."""


@dataclass
class Pulse:
    """The heartbeat of one lease: a thread that extends it until the work is over or the lease is gone."""

    lease: Lease
    settings: Settings
    progress: float = 0.0
    lost: threading.Event = field(default_factory=threading.Event)
    """Set when the lease is lost or the render is to stop; the encoder watches it."""
    _over: threading.Event = field(default_factory=threading.Event)

    def note(self, fraction: float, /) -> None:
        """Remember the progress for the next heartbeat."""
        self.progress = fraction

    @contextmanager
    def beating(self) -> Iterator["Pulse"]:
        """Send heartbeats while the block runs."""
        thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _beat(self) -> None:
        """Beat until over or lost. A database that does not answer is asked again; the reaper decides."""
        try:
            while not self._over.wait(self.settings.heartbeat_seconds):
                try:
                    if not jobs.heartbeat(self.lease, self.progress, self.settings):
                        self.lost.set()
                        return
                except Exception as error:  # noqa: BLE001 (a heart that stops on an error kills its job)
                    log.warning("heartbeat_failed", job_id=str(self.lease.job_id), error=str(error))
                    database.close()
        finally:
            database.close()


class Renderer:
    """The workshop of one worker: what it needs to carry out any job."""

    def __init__(self, store: S3Store, encoder: ClipEncoder, settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._settings = settings

    def work_off(self, lease: Lease) -> Outcome:
        """Carry out one leased job, and note and return how it ended. Raises only what tells the worker to leave."""
        pulse = Pulse(lease, self._settings)
        with structlog.contextvars.bound_contextvars(job_id=str(lease.job_id), video_id=str(lease.video_id)):
            log.info("render_started", attempt=lease.attempt, profile=lease.profile)
            try:
                with pulse.beating():
                    outcome = self._attempt(lease, pulse)
            except (KeyboardInterrupt, SystemExit):
                # Whatever the database says: who was told to leave, leaves. The reaper finds the job.
                with suppress(*DATABASE_UNAVAILABLE):
                    jobs.give_back(lease)
                    log.info("render_given_back")
                raise
            log.info("render_ended", outcome=outcome)
            return outcome

    def _attempt(self, lease: Lease, pulse: Pulse) -> Outcome:
        try:
            output = self._make(lease, pulse)
        except (RenderInterrupted, _LeaseLost):
            return self._leave(lease)
        except Exception as error:  # noqa: BLE001 (whatever it is, the ledger must hear of it)
            return self._note_failure(lease, error)
        committed = self._note(lambda: jobs.succeed(lease, output, publish=self._needs_no_review(lease)))
        return Outcome.SUCCEEDED if committed else self._leave(lease)

    def _needs_no_review(self, lease: Lease) -> bool:
        return not self._settings.review_required or is_of_verification(lease.video_id)

    def _note_failure(self, lease: Lease, error: Exception) -> Outcome:
        code, detail, settings = _code_of(error), f"{type(error).__name__}: {error}", self._settings
        log.warning("render_failed", code=code, detail=detail, exc_info=code == INTERNAL_ERROR)
        if isinstance(error, UnreadableClip):
            noted = self._note(lambda: jobs.fail(lease, code, detail))
            return Outcome.FAILED if noted else self._leave(lease)
        if isinstance(error, SURROUNDINGS):
            noted = self._note(lambda: jobs.wait_for_surroundings(lease, code, detail, settings))
            return Outcome.PUT_OFF if noted else self._leave(lease)
        retry = jobs.retry_timed_out if isinstance(error, RenderTimedOut) else jobs.retry_later
        noted = self._note(lambda: retry(lease, code, detail, settings))
        return Outcome.ATTEMPT_FAILED if noted else self._leave(lease)

    def _leave(self, lease: Lease) -> Outcome:
        return Outcome.CANCELLED if self._note(lambda: jobs.acknowledge_cancel(lease)) else Outcome.LOST

    def _note(self, transition: Callable[[], bool]) -> bool:
        """Carry out a transition, waiting for a database that is away. The heart goes on beating meanwhile."""
        for attempt in Retrying(
            retry=retry_if_exception_type(DATABASE_UNAVAILABLE),
            stop=stop_after_delay(self._settings.render_timeout_seconds),
            wait=wait_exponential(multiplier=0.5, max=5),
            before_sleep=_drop_connection,
            reraise=True,
        ):
            with attempt:
                return transition()
        raise AssertionError("unreachable: the loop returns or raises")

    def _make(self, lease: Lease, pulse: Pulse) -> Output:
        work_dir = self._settings.work_dir
        work_dir.mkdir(parents=True, exist_ok=True)
        with _full_disk_is_a_fact(), TemporaryDirectory(dir=work_dir, prefix=JOB_DIRECTORY_PREFIX) as name:
            source = Path(name, "original.mp4")
            directory = Path(name, "render")
            directory.mkdir()
            self._fetch(lease, source)
            _leave_if(pulse.lost)
            rendering = self._encoder.render(
                source,
                directory,
                ProfileName(lease.profile),
                on_progress=pulse.note,
                stop=pulse.lost,
            )
            _leave_if(pulse.lost)
            return self._keep(lease, rendering)

    def _fetch(self, lease: Lease, source: Path) -> None:
        video: Video = Video.get_by_id(lease.video_id)
        if video.original_key is None:
            raise ObjectNotFound(f"video {lease.video_id} was imported without an original")
        # The render takes minutes; the connection it would hold is better in the pool.
        database.close()
        arrived = self._store.download(video.original_key, source)
        if video.original_sha256 is not None and arrived != video.original_sha256:
            raise StorageUnavailable(f"{video.original_key}: the bytes that arrived are not those that were stored")

    def _keep(self, lease: Lease, rendering: Rendering) -> Output:
        key, poster = result_key(lease.video_id, lease.token), poster_key(lease.video_id, lease.token)
        self._store.upload(rendering.poster, poster, content_type="image/jpeg")
        self._store.upload_checked(rendering.video, key, content_type="video/mp4", sha256=rendering.sha256)
        self._verify(poster, rendering.poster.stat().st_size, None)
        self._verify(key, rendering.size_bytes, rendering.sha256)
        notice = SOUND_UNUSABLE if rendering.sound_lost else None
        return Output(key, poster, rendering.size_bytes, rendering.sha256, notice)

    def _verify(self, key: str, size_bytes: int, sha256: str | None) -> None:
        """Ask the store what it holds, before the ledger says that it holds it."""
        try:
            stored = self._store.stat(key)
        except ObjectNotFound as error:
            raise ResultDamaged(f"{key} is missing right after it was stored") from error
        if stored.size_bytes != size_bytes or (sha256 is not None and stored.sha256 != sha256):
            raise ResultDamaged(f"{key}: stored {stored.size_bytes} bytes, sha256 {stored.sha256}")


class _LeaseLost(Exception):
    """The heartbeat found the lease gone between two steps."""


def _drop_connection(state: RetryCallState) -> None:
    log.warning("database_away", attempt=state.attempt_number)
    database.close()


def _leave_if(lost: threading.Event) -> None:
    if lost.is_set():
        raise _LeaseLost


@contextmanager
def _full_disk_is_a_fact() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise WorkDirectoryFull(str(error)) from error
        raise


def _code_of(error: Exception) -> str:
    """The reason code that the ledger keeps; `app.showcase.failures` has their sentences for players."""
    if isinstance(error, UnreadableClip) and error.reason is Reason.PICTURES_MISSING:
        return error.reason.value
    codes: dict[type[Exception], str] = {
        UnreadableClip: "unreadable_clip",
        ObjectNotFound: "original_missing",
        RenderTimedOut: "render_timed_out",
        RenderKilled: "render_killed",
        ProbeKilled: "render_killed",
        FfmpegMissing: "ffmpeg_missing",
        MediaInfoMissing: "mediainfo_missing",
        ArtworkMissing: "artwork_missing",
        StorageUnavailable: "storage_unavailable",
        WorkDirectoryFull: "disk_full",
        **dict.fromkeys(DATABASE_UNAVAILABLE, "database_unavailable"),
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), INTERNAL_ERROR)
