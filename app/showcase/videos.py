"""A player's own clips."""

from dataclasses import dataclass, fields
from uuid import UUID

from peewee import BaseQuery

from app.db.compiled import CompiledQuery, id_text, parameter
from app.db.database import db_now, transaction
from app.db.models import Job, User, Video
from app.showcase.errors import (
    NotAllowed,
    VideoAlreadyPublished,
    VideoNotFound,
    VideoNotProcessed,
)
from app.showcase.ledger.interventions import request_cancel
from app.showcase.visibility import is_kept

HIDDEN = "hidden"
"""The failure code of a clip that an operator hid. Its files have no URLs, because its owner could share them."""


@dataclass(slots=True)
class OwnClip:
    """A clip in its player's list; `id` is a UUID, times are in epoch seconds."""

    id: str
    title: str
    status: str
    uploaded_at: float
    votes: int
    processed_at: float | None
    processed_key: str | None
    failure_code: str | None
    notice_code: str | None
    poster_key: str | None
    published_at: float | None


def _own_clips() -> BaseQuery:
    """Return the query for a player's clips, oldest first."""
    names = (field.name for field in fields(OwnClip))
    columns = [getattr(Video, name) for name in names]
    own = Video.select(*columns, Video.hidden_at).where(Video.user == parameter("owner"), is_kept())
    return own.order_by(Video.uploaded_at, Video.id)


OWN_CLIPS = CompiledQuery(_own_clips)


def list_own(owner_id: UUID) -> list[OwnClip]:
    """Return a player's clips, oldest first."""
    clips = []
    for video_id, *columns, hidden_at in OWN_CLIPS.rows(owner=owner_id.hex):
        clip = OwnClip(id_text(video_id), *columns)
        if hidden_at is not None:
            clip.processed_key = clip.poster_key = clip.published_at = None
            clip.failure_code = HIDDEN
        clips.append(clip)
    return clips


def get_own(owner_id: UUID, video_id: UUID) -> Video:
    """Return one of a player's clips.

    Raises:
        VideoNotFound: the clip is unknown or deleted.
        NotAllowed: the clip belongs to another account.
    """
    video: Video | None = Video.get_or_none(Video.id == video_id, is_kept())
    if video is None:
        raise VideoNotFound
    if video.user_id != owner_id:
        raise NotAllowed
    return _as_its_owner_sees(video)


def _as_its_owner_sees(video: Video) -> Video:
    """Return the clip as its owner may see it. A hidden clip has no file URLs, because its owner could share them."""
    if video.hidden_at is not None:
        video.original_key = video.processed_key = video.poster_key = None
        video.failure_code = HIDDEN
    return video


def progress_of(video_id: UUID) -> float:
    """Return the progress of the clip's render, 0 to 1."""
    job = Job.select(Job.progress).where(Job.video == video_id).first()
    return 1.0 if job is None else float(job.progress)


def result_key_of(video: Video) -> str:
    """Return the S3 key of the branded clip.

    Raises:
        VideoNotProcessed: there is no result yet.
        VideoNotFound: an operator hid the clip.
    """
    if video.hidden_at is not None:
        raise VideoNotFound
    if video.processed_key is None:
        raise VideoNotProcessed
    return str(video.processed_key)


def original_key_of(video: Video) -> str:
    """Return the S3 key of the player's original file.

    Raises:
        VideoNotFound: the clip was imported without its original, or an operator hid it.
    """
    if video.original_key is None:
        raise VideoNotFound
    return str(video.original_key)


def delete_own(owner_id: UUID, video_id: UUID) -> None:
    """Delete a clip that is not yet published. Its render stops; upkeep sweeps its objects.

    A verification account may delete its clip at any time, because the public does not see it.

    Raises:
        VideoNotFound, NotAllowed
        VideoAlreadyPublished: the public may have voted for it.
    """
    get_own(owner_id, video_id)
    with transaction():
        request_cancel(video_id)
        of_verification = Video.user.in_(User.select(User.id).where(User.is_verification))
        deletable = is_kept() & (Video.published_at.is_null() | of_verification)
        deleted = Video.update(deleted_at=db_now()).where(Video.id == video_id, deletable).execute()
        if not deleted:
            # Raised inside the transaction, so that the cancellation of the render is rolled back, too.
            raise VideoAlreadyPublished if Video.get_by_id(video_id).published_at else VideoNotFound
