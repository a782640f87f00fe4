"""A player's own clips."""

from uuid import UUID

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


def list_own(owner_id: UUID) -> list[Video]:
    """A player's clips, oldest first."""
    own = Video.select().where(Video.user == owner_id, is_kept())
    return [_as_its_owner_sees(video) for video in own.order_by(Video.uploaded_at, Video.id)]


def get_own(owner_id: UUID, video_id: UUID) -> Video:
    """One of a player's clips.

    Raises:
        VideoNotFound: unknown, or deleted.
        NotAllowed: somebody else's.
    """
    video: Video | None = Video.get_or_none(Video.id == video_id, is_kept())
    if video is None:
        raise VideoNotFound
    if video.user_id != owner_id:
        raise NotAllowed
    return _as_its_owner_sees(video)


def _as_its_owner_sees(video: Video) -> Video:
    """A clip that an operator hid keeps its status and has no files: each URL could be passed on."""
    if video.hidden_at is not None:
        video.original_key = video.processed_key = video.poster_key = None
        video.failure_code = "hidden"
    return video


def progress_of(video_id: UUID) -> float:
    """How far the clip's render has come, 0 to 1."""
    job = Job.select(Job.progress).where(Job.video == video_id).first()
    return 1.0 if job is None else float(job.progress)


def result_key_of(video: Video) -> str:
    """Where the branded clip lies.

    Raises:
        VideoNotProcessed: there is none yet.
        VideoNotFound: an operator hid the clip.
    """
    if video.hidden_at is not None:
        raise VideoNotFound
    if video.processed_key is None:
        raise VideoNotProcessed
    return str(video.processed_key)


def original_key_of(video: Video) -> str:
    """Where the player's own file lies.

    Raises:
        VideoNotFound: only the result of an imported clip is known, or an operator hid the clip.
    """
    if video.original_key is None:
        raise VideoNotFound
    return str(video.original_key)


def delete_own(owner_id: UUID, video_id: UUID) -> None:
    """Take a clip back before the public has seen it. Its render stops; its objects are swept.

    A verification account's clip may go at any time: the public does not see it.

    Raises:
        VideoNotFound, NotAllowed
        VideoAlreadyPublished: people may have voted for it.
    """
    get_own(owner_id, video_id)
    with transaction():
        request_cancel(video_id)
        of_verification = Video.user.in_(User.select(User.id).where(User.is_verification))
        deletable = is_kept() & (Video.published_at.is_null() | of_verification)
        deleted = Video.update(deleted_at=db_now()).where(Video.id == video_id, deletable).execute()
        if not deleted:
            # Raised inside, so that the cancelled render is rolled back with it.
            raise VideoAlreadyPublished if Video.get_by_id(video_id).published_at else VideoNotFound
