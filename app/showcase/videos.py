"""A player's own clips, the public's view of them, and the operator's review."""

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from peewee import ModelSelect

from app.db.database import db_now, transaction
from app.db.models import Job, User, Video, VideoStatus
from app.showcase import jobs
from app.showcase.audit import record
from app.showcase.errors import (
    NotAllowed,
    PublicVideoNotFound,
    RuleBroken,
    UnknownCursor,
    VideoAlreadyPublished,
    VideoNotFound,
    VideoNotProcessed,
)
from app.showcase.verification import in_lists_of
from app.showcase.visibility import is_kept, is_public

MAX_CURSOR_VALUE = 2**32
"""Above every vote count and every epoch second before 2106; also keeps NaN and infinity out."""


class Order(StrEnum):
    """How the public list is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    VOTES = "votes"


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the public list and where the next one begins (None at the end)."""

    videos: list[Video]
    next_cursor: str | None


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
        jobs.request_cancel(video_id)
        of_verification = Video.user.in_(User.select(User.id).where(User.is_verification))
        deletable = is_kept() & (Video.published_at.is_null() | of_verification)
        deleted = Video.update(deleted_at=db_now()).where(Video.id == video_id, deletable).execute()
        if not deleted:
            # Raised inside, so that the cancelled render is rolled back with it.
            raise VideoAlreadyPublished if Video.get_by_id(video_id).published_at else VideoNotFound


def list_public(*, city: str | None, order: Order, limit: int, offset: int = 0, cursor: str | None = None) -> Page:
    """What the public sees, with its players.

    Raises:
        UnknownCursor: `cursor` is not one that this list gave for this order.
    """
    column = Video.votes if order is Order.VOTES else Video.published_at
    query = _published().where(in_lists_of(city))
    if cursor is not None:
        value, last_id = _read_cursor(cursor, order)
        later = (column > value) if order is Order.OLDEST else (column < value)
        query = query.where(later | ((column == value) & (Video.id > last_id)))
    direction = column.asc() if order is Order.OLDEST else column.desc()
    # One row more than asked for tells whether there is a next page.
    rows = list(query.order_by(direction, Video.id).limit(limit + 1).offset(offset))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    reached = last.votes if order is Order.VOTES else last.published_at
    return Page(rows[:limit], _write_cursor(order, reached, last.id))


def get_public(video_id: UUID) -> Video:
    """One clip as the public sees it.

    Raises:
        PublicVideoNotFound: unknown, deleted, hidden, or not published.
    """
    video: Video | None = _published().where(Video.id == video_id).first()
    if video is None:
        raise PublicVideoNotFound
    return video


def _published() -> "ModelSelect[Video]":
    return Video.select(Video, User).join(User).where(is_public())


def _write_cursor(order: Order, value: float | None, video_id: UUID) -> str:
    text = json.dumps([order, value, str(video_id)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: Order) -> tuple[float, UUID]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts: Any = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        named, value, video_id = parts
        if named != order or type(value) not in {int, float} or not 0 <= value <= MAX_CURSOR_VALUE:
            raise UnknownCursor
        return (int(value) if order is Order.VOTES else float(value)), UUID(video_id)
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise UnknownCursor from error


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
    waiting = (
        Video.select(Video, User)
        .join(User)
        .where(
            Video.status == VideoStatus.PROCESSED,
            Video.published_at.is_null(),
            is_kept(),
            Video.hidden_at.is_null(),
        )
    )
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
        decided = (
            Video.update(**decision)
            .where(
                Video.id == video_id,
                Video.status == VideoStatus.PROCESSED,
                Video.published_at.is_null(),
                is_kept(),
            )
            .execute()
        )
        if not decided:
            raise RuleBroken(f"Video {video_id} does not wait for review; `rising-stars videos list` shows which do.")
        record(actor, f"videos.{action}", str(video_id))
