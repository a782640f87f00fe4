"""Causes of failed renders: the reason code for the ledger, and whether a dependency or the clip is at fault."""

from app.db.errors import DATABASE_UNAVAILABLE
from app.media.errors import (
    ArtworkMissing,
    FfmpegMissing,
    MediaInfoMissing,
    ProbeKilled,
    Reason,
    RenderKilled,
    RenderTimedOut,
    UnreadableClip,
    WorkDirectoryFull,
)
from app.storage.errors import ObjectNotFound, StorageUnavailable

INTERNAL_ERROR = "internal_error"

DEPENDENCY_FAILURES: tuple[type[Exception], ...] = (
    StorageUnavailable,
    WorkDirectoryFull,
    FfmpegMissing,
    MediaInfoMissing,
    ArtworkMissing,
    *DATABASE_UNAVAILABLE,
)
"""Failures of the store, the database, the disk, a program or the artwork. The job is deferred and loses no attempt."""


def code_of(error: Exception) -> str:
    """Return the reason code that the ledger stores; `app.showcase.failures` has the sentences for players."""
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
