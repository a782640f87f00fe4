"""What can go wrong between a file and a picture. Each class is a fact; the text is for the operator."""


class MediaError(Exception):
    """A clip could not be read or rendered."""


class UnreadableClip(MediaError):
    """The file is not an MP4 with a video track that can be decoded. No retry will help."""


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
    """No FFmpeg can be started on this machine, or it lacks a part the render needs; the text says which."""


class ArtworkMissing(MediaError):
    """The brand directory lacks one of its three pictures."""
