"""What an operator decides about a clip: publish or reject it after a review, hide it from the public, show it."""

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
    """A processed clip before the public sees it; `processed_at` in epoch seconds."""

    video_id: UUID
    username: str
    title: str
    processed_at: float
    processed_key: str


def list_awaiting_review() -> list[Reviewable]:
    """Processed clips that an operator has neither published nor rejected, oldest first."""
    waiting = Video.select(Video, User).join(User).where(_awaits_review(), Video.hidden_at.is_null())
    return [
        Reviewable(video.id, video.user.username, video.title, video.processed_at or 0.0, result_key_of(video))
        for video in waiting.order_by(Video.processed_at)
    ]


def publish(video_id: UUID, *, actor: str) -> None:
    """Put a reviewed clip before the public.

    Raises:
        RuleBroken: it does not wait for review.
    """
    _decide(video_id, actor, "publish", published_at=db_now())


def reject(video_id: UUID, *, actor: str) -> None:
    """Keep a processed clip from the public, for good.

    Raises:
        RuleBroken: it does not wait for review.
    """
    _decide(video_id, actor, "reject", status=VideoStatus.REJECTED, failure_code="rejected")


def hide(video_id: UUID, *, actor: str, reason: str) -> None:
    """Take a clip from the public at once, published or not yet. Its votes stay, and count again once it is shown.

    Raises:
        VideoNotFound: no such video, or its owner deleted it.
        RuleBroken: it is hidden.
    """
    _set_hidden(video_id, db_now(), "videos.hide", actor, reason)


def show(video_id: UUID, *, actor: str, reason: str) -> None:
    """Give a hidden clip back to the public, as it was.

    Raises:
        VideoNotFound: no such video, or its owner deleted it.
        RuleBroken: it is not hidden.
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
            raise RuleBroken(f"Video {video_id} does not wait for review; `rising-stars videos list` shows which do.")
        record(actor, f"videos.{action}", str(video_id))


def _awaits_review() -> Expression:
    unpublished = Video.published_at.is_null() & is_kept()
    return (Video.status == VideoStatus.PROCESSED) & unpublished
