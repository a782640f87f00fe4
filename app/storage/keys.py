"""The keys of objects in the bucket. A result's key contains the lease's token, so no two workers share a key."""

from uuid import UUID

ORIGINALS = "unprocessed-videos/"
RESULTS = "processed-videos/"
POSTERS = "posters/"


def original_key(video: UUID) -> str:
    """Return the key of the uploaded original. The object is never overwritten and never public."""
    return f"{ORIGINALS}{video}.mp4"


def result_key(video: UUID, lease: UUID) -> str:
    """Return the key of the branded clip that the holder of `lease` rendered."""
    return f"{RESULTS}{video}/{lease}.mp4"


def poster_key(video: UUID, lease: UUID) -> str:
    """Return the key of the poster of the branded clip."""
    return f"{POSTERS}{video}/{lease}.jpg"
