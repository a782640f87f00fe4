"""Errors of probing and rendering. Each class is named for a fact; its text is for the operator."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a file is rejected. `app.showcase.failures` has the sentence that the player sees for each reason."""

    NOT_MP4 = "not_mp4"
    QUICKTIME = "quicktime"
    INCOMPLETE = "incomplete"
    """Truncated, or not completed by the recorder."""
    NO_VIDEO = "no_video"
    CODEC = "codec"
    """The platform does not decode the video's format."""
    ENCRYPTED = "encrypted"
    TOO_MANY_PICTURES = "too_many_pictures"
    """Too many frames per second, or too many pixels in all frames."""
    DAMAGED = "damaged"
    PICTURES_MISSING = "pictures_missing"
    """Fewer frames can be decoded than the index lists."""


class MediaError(Exception):
    """A clip could not be read or rendered."""


class UnreadableClip(MediaError):
    """The file is not an MP4 with a decodable video track. A retry does not help.

    `reason` selects the sentence that the player sees.
    """

    def __init__(self, message: str, reason: Reason = Reason.DAMAGED) -> None:
        super().__init__(message)
        self.reason = reason


class ProbeKilled(MediaError):
    """MediaInfo's process was killed from outside. A retry may succeed."""


class RenderTimedOut(MediaError):
    """FFmpeg exceeded its time limit and was killed."""


class RenderKilled(MediaError):
    """FFmpeg was killed from outside or ran out of memory. A retry may succeed."""


class RenderInterrupted(MediaError):
    """The caller stopped the render."""


class WorkDirectoryFull(MediaError):
    """The disk of the work directory is full."""


class FfmpegMissing(MediaError):
    """FFmpeg is missing, cannot start in the sandbox, or lacks a component that renders need. The text says which."""


class MediaInfoMissing(MediaError):
    """MediaInfo cannot start in the sandbox on this machine. The text names the cause."""


class ArtworkMissing(MediaError):
    """The brand directory lacks one of its three images."""
