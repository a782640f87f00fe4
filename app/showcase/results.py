"""Produces the result of a job: downloads the original, renders it, uploads the files and verifies the stored ones."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from app.config import ProfileName, Settings
from app.db.database import database
from app.db.models import Video
from app.files import is_disk_full
from app.media.encoder import Rendering
from app.media.errors import WorkDirectoryFull
from app.showcase.failures import SOUND_UNUSABLE
from app.showcase.heartbeat import Pulse
from app.showcase.ledger.leases import Lease, Output
from app.storage.errors import ObjectNotFound, StorageUnavailable
from app.storage.keys import poster_key, result_key
from app.storage.s3 import S3Store

JOB_DIRECTORY_PREFIX = "job-"


class ClipEncoder(Protocol):
    """Renders a clip into a branded one (`app.media.encoder.Encoder`)."""

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
    """A callback for the progress of a render, 0 to 1."""

    def __call__(self, fraction: float, /) -> None:
        """Receive the progress."""


class ResultDamaged(StorageUnavailable):
    """The stored result differs from the uploaded file."""


class LeaseLost(Exception):
    """Between two steps, the lease was lost or the render was cancelled."""


class Results:
    """Produces the results of jobs, each in a temporary directory of its own."""

    def __init__(self, store: S3Store, encoder: ClipEncoder, settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._settings = settings

    def make(self, lease: Lease, pulse: Pulse) -> Output:
        """Render and store the result of a leased job.

        Raises:
            LeaseLost: the heartbeat found that the lease is lost or the render was cancelled.
            MediaError, StorageUnavailable, ObjectNotFound
        """
        work_dir = self._settings.work_dir
        work_dir.mkdir(parents=True, exist_ok=True)
        with _full_disk_as_media_error(), TemporaryDirectory(dir=work_dir, prefix=JOB_DIRECTORY_PREFIX) as name:
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
        # Return the connection to the pool, because the render takes minutes.
        database.close()
        arrived = self._store.download(video.original_key, source)
        if video.original_sha256 is not None and arrived != video.original_sha256:
            raise StorageUnavailable(f"{video.original_key}: the downloaded bytes differ from those that were stored")

    def _keep(self, lease: Lease, rendering: Rendering) -> Output:
        key, poster = result_key(lease.video_id, lease.token), poster_key(lease.video_id, lease.token)
        self._store.upload(rendering.poster, poster, content_type="image/jpeg")
        self._store.upload_checked(rendering.video, key, content_type="video/mp4", sha256=rendering.sha256)
        self._verify(poster, rendering.poster.stat().st_size, None)
        self._verify(key, rendering.size_bytes, rendering.sha256)
        notice = SOUND_UNUSABLE if rendering.sound_lost else None
        return Output(key, poster, rendering.size_bytes, rendering.sha256, notice)

    def _verify(self, key: str, size_bytes: int, sha256: str | None) -> None:
        """Check that the store has the file, before the ledger records it."""
        try:
            stored = self._store.stat(key)
        except ObjectNotFound as error:
            raise ResultDamaged(f"{key} is missing right after it was stored") from error
        if stored.size_bytes != size_bytes or (sha256 is not None and stored.sha256 != sha256):
            raise ResultDamaged(f"{key}: stored {stored.size_bytes} bytes, sha256 {stored.sha256}")


def _leave_if(lost: threading.Event) -> None:
    if lost.is_set():
        raise LeaseLost


@contextmanager
def _full_disk_as_media_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise WorkDirectoryFull(str(error)) from error
        raise
