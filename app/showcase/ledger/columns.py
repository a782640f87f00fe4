"""What several transitions write: the columns of a job that leaves its worker, and of the video of one that failed."""

from typing import Any
from uuid import UUID

from app.db.models import JobState, Video, VideoStatus

CANCELLED = "cancelled"
"""The reason code of a render that its player or an operator stopped."""

DETAIL_CHARS = 2000
"""How much of an error the ledger keeps for operators."""


def released(**values: Any) -> dict[str, Any]:
    """The columns of a job whose lease is over; `lease_owner` stays and says where it ran."""
    return {"lease_token": None, "lease_expires_at": None, **values}


def back_in_queue(**values: Any) -> dict[str, Any]:
    """The columns of a job that waits for a worker again."""
    return released(state=JobState.QUEUED, dispatched_at=None, progress=0, **values)


def fail_video(video_id: UUID, code: str) -> None:
    """Show the player why there is no result, in the caller's transaction."""
    Video.update(status=VideoStatus.FAILED, failure_code=code).where(Video.id == video_id).execute()
