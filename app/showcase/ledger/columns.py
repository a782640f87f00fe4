"""Columns that several transitions write: those of a job that leaves its worker, and of a failed job's video."""

from typing import Any
from uuid import UUID

from app.db.models import JobState, Video, VideoStatus

CANCELLED = "cancelled"
"""The reason code of a render that its player or an operator cancelled."""

DETAIL_CHARS = 2000
"""How many characters of an error the ledger stores for operators."""


def released(**values: Any) -> dict[str, Any]:
    """Return the columns of a job whose lease has ended. `lease_owner` is kept, to show where the job ran."""
    return {"lease_token": None, "lease_expires_at": None, **values}


def back_in_queue(**values: Any) -> dict[str, Any]:
    """Return the columns of a job that is queued again."""
    return released(state=JobState.QUEUED, dispatched_at=None, progress=0, **values)


def fail_video(video_id: UUID, code: str) -> None:
    """In the caller's transaction, mark a video as failed. `code` selects the reason that is shown to its owner."""
    Video.update(status=VideoStatus.FAILED, failure_code=code).where(Video.id == video_id).execute()
