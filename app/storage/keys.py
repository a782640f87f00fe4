"""Where objects lie in the bucket. A result's key holds the lease that made it, so no two workers share one."""

from uuid import UUID

ORIGINALS = "unprocessed-videos/"
RESULTS = "processed-videos/"
POSTERS = "posters/"


def original_key(video: UUID) -> str:
    """The clip as its player uploaded it; never overwritten, never public."""
    return f"{ORIGINALS}{video}.mp4"


def result_key(video: UUID, lease: UUID) -> str:
    """The branded clip that the holder of `lease` made."""
    return f"{RESULTS}{video}/{lease}.mp4"


def poster_key(video: UUID, lease: UUID) -> str:
    """The still picture beside it."""
    return f"{POSTERS}{video}/{lease}.jpg"
