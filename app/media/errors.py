"""What can go wrong between a file and a picture. Each class is a fact; the text is for the operator."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a file is no clip. `app.showcase.failures` has the player's sentence for each."""

    NOT_MP4 = "not_mp4"
    QUICKTIME = "quicktime"
    INCOMPLETE = "incomplete"
    """Cut short, or never finished by the recorder."""
    NO_VIDEO = "no_video"
    CODEC = "codec"
    """The picture's format is not one that this platform decodes."""
    ENCRYPTED = "encrypted"
    TOO_MANY_PICTURES = "too_many_pictures"
    """Per second, or too large for how many there are."""
    DAMAGED = "damaged"
    PICTURES_MISSING = "pictures_missing"
    """Fewer can be decoded than the index promises."""


class MediaError(Exception):
    """A clip could not be read or rendered."""


class UnreadableClip(MediaError):
    """The file is not an MP4 with a video track that can be decoded. No retry will help.

    `reason` says why in a word, for the player's sentence.
    """

    def __init__(self, message: str, reason: Reason = Reason.DAMAGED) -> None:
        super().__init__(message)
        self.reason = reason


class ProbeKilled(MediaError):
    """MediaInfo's process was killed from outside; another attempt may go well."""


class RenderTimedOut(MediaError):
    """FFmpeg ran longer than it may, and was killed."""


class RenderKilled(MediaError):
    """FFmpeg was killed from outside or ran out of memory; another attempt may go well."""


class RenderInterrupted(MediaError):
    """The caller asked the render to stop."""


class WorkDirectoryFull(MediaError):
    """The disk under the work directory has no room left."""


class FfmpegMissing(MediaError):
    """No FFmpeg can be started (confined) on this machine, or it lacks a part the render needs; the text says which."""


class MediaInfoMissing(MediaError):
    """MediaInfo cannot be started on this machine, or not confined; the text says why."""


class ArtworkMissing(MediaError):
    """The brand directory lacks one of its three pictures."""
