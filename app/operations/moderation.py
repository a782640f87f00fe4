"""Moderation of clips: publish or reject them after a review, hide them from the public, and show them again."""

from dataclasses import dataclass
from uuid import UUID

from peewee import Expression

from app.db.database import db_now, transaction
from app.db.models import User, Video, VideoStatus
from app.operations.audit import record
from app.showcase.errors import RuleBroken, VideoNotFound
from app.showcase.videos import result_key_of
from app.showcase.visibility import is_kept


@dataclass(frozen=True, slots=True)
class Reviewable:
    """A processed clip that awaits review; `processed_at` is in epoch seconds."""

    video_id: UUID
    username: str
    title: str
    processed_at: float
    processed_key: str


def list_awaiting_review() -> list[Reviewable]:
    """Return the processed clips that are neither published nor rejected, oldest first."""
    waiting = Video.select(Video, User).join(User).where(_awaits_review(), Video.hidden_at.is_null())
    return [
        Reviewable(video.id, video.user.username, video.title, video.processed_at or 0.0, result_key_of(video))
        for video in waiting.order_by(Video.processed_at)
    ]


def publish(video_id: UUID, *, actor: str) -> None:
    """Publish a reviewed clip.

    Raises:
        RuleBroken: the clip does not await review.
    """
    _decide(video_id, actor, "publish", published_at=db_now())


def reject(video_id: UUID, *, actor: str) -> None:
    """Reject a processed clip, so that it is never published.

    Raises:
        RuleBroken: the clip does not await review.
    """
    _decide(video_id, actor, "reject", status=VideoStatus.REJECTED, failure_code="rejected")


def hide(video_id: UUID, *, actor: str, reason: str) -> None:
    """Hide a clip from the public at once, published or not. Its votes are kept and count again when it is shown.

    Raises:
        VideoNotFound: the video does not exist, or its owner deleted it.
        RuleBroken: the clip is hidden already.
    """
    _set_hidden(video_id, db_now(), "videos.hide", actor, reason)


def show(video_id: UUID, *, actor: str, reason: str) -> None:
    """Stop hiding a clip. Its earlier state, published or not, applies again.

    Raises:
        VideoNotFound: the video does not exist, or its owner deleted it.
        RuleBroken: the clip is not hidden.
    """
    _set_hidden(video_id, None, "videos.show", actor, reason)


def _set_hidden(video_id: UUID, hidden_at: object, action: str, actor: str, reason: str) -> None:
    with transaction():
        living = (Video.id == video_id) & is_kept()
        other = Video.hidden_at.is_null(hidden_at is not None)
        if not Video.update(hidden_at=hidden_at).where(living, other).execute():
            if not Video.select().where(living).exists():
                raise VideoNotFound
            raise RuleBroken(f"Video {video_id} is {'hidden already' if hidden_at is not None else 'not hidden'}.")
        record(actor, action, str(video_id), reason)


def _decide(video_id: UUID, actor: str, action: str, **decision: object) -> None:
    with transaction():
        if not Video.update(**decision).where(Video.id == video_id, _awaits_review()).execute():
            raise RuleBroken(f"Video {video_id} does not await review; `rising-stars videos list` lists those that do.")
        record(actor, f"videos.{action}", str(video_id))


def _awaits_review() -> Expression:
    unpublished = Video.published_at.is_null() & is_kept()
    return (Video.status == VideoStatus.PROCESSED) & unpublished
