"""The public catalogue: the published clips, page by page."""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from peewee import SQL, Expression, ModelSelect, Node, Tuple, Value

from app.db.database import descending
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
class PublicClip:
    """A published clip with its player's name and city; `published_at` is in epoch seconds."""

    id: UUID
    title: str
    votes: int
    processed_key: str | None
    poster_key: str | None
    published_at: float
    username: str
    city: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the public list, and the cursor of the next one (None at the end)."""

    videos: list[PublicClip]
    next_cursor: str | None


def list_public(*, city: str | None, order: Order, limit: int, offset: int = 0, cursor: str | None = None) -> Page:
    """Return a page of the published clips with their players.

    Raises:
        UnknownCursor: this list did not issue `cursor` for this order.
    """
    which = is_public() & in_lists_of(Video, city)
    if cursor is not None:
        which &= _after(order, *_read_cursor(cursor, order))
    # One row beyond the limit shows whether there is a next page.
    page = Video.select().where(which).order_by(*_sort(order, Video)).limit(limit + 1).offset(offset).alias("page")
    rows = _with_players(page, _sort(order, page.c))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    reached = last.votes if order is Order.VOTES else last.published_at
    return Page(rows[:limit], _write_cursor(order, reached, last.id))


def get_public(video_id: UUID) -> PublicClip:
    """Return one published clip.

    Raises:
        PublicVideoNotFound: unknown, deleted, hidden, or not published.
    """
    clip = Video.select().where(Video.id == video_id, is_public()).alias("page")
    for found in _with_players(clip, ()):
        return found
    raise PublicVideoNotFound


def _with_players(page: "ModelSelect[Video]", sort: Sequence[Node]) -> list[PublicClip]:
    """Return the clips that a subquery selects, with their players.

    The subquery keeps PostgreSQL from joining and sorting all clips of a city when the page begins at a high offset.
    """
    names = ("id", "title", "votes", "processed_key", "poster_key", "published_at")
    columns = [getattr(page.c, name) for name in names]
    players = (User.first_name, User.last_name, User.city)
    query = User.select(*columns, *players).join(page, on=(page.c.user_id == User.id)).order_by(*sort)
    rows = cast("Iterable[tuple[Any, ...]]", query.tuples())
    return [
        PublicClip(video_id, title, votes, processed_key, poster_key, published_at, f"{first_name} {last_name}", city)
        for video_id, title, votes, processed_key, poster_key, published_at, first_name, last_name, city in rows
    ]


def _sort(order: Order, clips: Any) -> tuple[Node, Node]:
    """Return what a list is sorted by. `clips` has the columns: `Video`, or those of a subquery."""
    if order is Order.VOTES:
        return descending(clips.votes), clips.id
    return (clips.published_at if order is Order.OLDEST else SQL("published_at DESC")), clips.id


def _after(order: Order, value: float, last_id: UUID) -> Expression:
    """Return the condition of the clips after a position. Its first part is a range of the list's index."""
    if order is Order.VOTES:
        return cast(Expression, Tuple(descending(Video.votes), Video.id) > Tuple(-value, Value(last_id.hex)))
    if order is Order.OLDEST:
        return cast(Expression, Tuple(Video.published_at, Video.id) > Tuple(value, Value(last_id.hex)))
    at = Video.published_at
    return (at <= value) & ((at < value) | (Video.id > last_id))


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
