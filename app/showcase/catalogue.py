"""The public catalogue: the published clips, page by page."""

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from peewee import ModelSelect

from app.db.models import User, Video
from app.showcase.errors import PublicVideoNotFound, UnknownCursor
from app.showcase.verification import in_lists_of
from app.showcase.visibility import is_public

MAX_CURSOR_VALUE = 2**32
"""Above any vote count, and any time in epoch seconds before 2106. The bound also rejects NaN and infinity."""


class Order(StrEnum):
    """How the public list is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    VOTES = "votes"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the public list, and the cursor of the next one (None at the end)."""

    videos: list[Video]
    next_cursor: str | None


def list_public(*, city: str | None, order: Order, limit: int, offset: int = 0, cursor: str | None = None) -> Page:
    """Return a page of the published clips with their players.

    Raises:
        UnknownCursor: this list did not issue `cursor` for this order.
    """
    column = Video.votes if order is Order.VOTES else Video.published_at
    query = _published().where(in_lists_of(city))
    if cursor is not None:
        value, last_id = _read_cursor(cursor, order)
        later = (column > value) if order is Order.OLDEST else (column < value)
        query = query.where(later | ((column == value) & (Video.id > last_id)))
    direction = column.asc() if order is Order.OLDEST else column.desc()
    # One row beyond the limit shows whether there is a next page.
    rows = list(query.order_by(direction, Video.id).limit(limit + 1).offset(offset))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    reached = last.votes if order is Order.VOTES else last.published_at
    return Page(rows[:limit], _write_cursor(order, reached, last.id))


def get_public(video_id: UUID) -> Video:
    """Return one published clip.

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
