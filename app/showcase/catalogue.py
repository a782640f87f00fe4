"""The public catalogue: the published clips, page by page."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast
from uuid import UUID

from peewee import SQL, BaseQuery, Expression, ModelSelect, Node, Tuple

from app.db.compiled import CompiledQuery, id_text, parameter
from app.db.database import descending
from app.db.models import User, Video
from app.showcase.errors import PublicVideoNotFound, UnknownCursor
from app.showcase.texts import city_key
from app.showcase.verification import in_lists_of
from app.showcase.visibility import is_public

MAX_CURSOR_VALUE = 2**32
"""Above any vote count, and any time in epoch seconds before 2106. The bound also rejects NaN and infinity."""


class Order(StrEnum):
    """How the public list is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    VOTES = "votes"


@dataclass(slots=True)
class PublicClip:
    """A published clip with its player's name and city; `id` is a UUID, `published_at` is in epoch seconds."""

    id: str
    username: str
    city: str | None
    title: str
    votes: int
    processed_key: str | None
    poster_key: str | None
    published_at: float


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
    values: dict[str, object] = {
        "limit": limit + 1,
        "offset": offset,
    }  # one more row shows whether there is a next page
    if city:
        values["city_key"] = city_key(city)
    if cursor is not None:
        value, last_id = _read_cursor(cursor, order)
        values |= {"value": -value if order is Order.VOTES else value, "last_id": last_id.hex}
    query = _page_query(order, in_city=bool(city), continued=cursor is not None)
    rows = [to_clip(row) for row in query.rows(**values)]
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
    for row in ONE_CLIP.rows(id=video_id.hex):
        return to_clip(row)
    raise PublicVideoNotFound


@cache
def _page_query(order: Order, *, in_city: bool, continued: bool) -> CompiledQuery:
    """Return the query of a page: with parameters for the city, and for the position where the previous page ended."""

    def build() -> BaseQuery:
        which = is_public() & in_lists_of(Video, parameter("city_key") if in_city else None)
        if continued:
            which &= _after(order)
        page = Video.select().where(which).order_by(*_sort(order, Video))
        page = page.limit(parameter("limit")).offset(parameter("offset")).alias("page")
        return with_players(page, _sort(order, page.c))

    return CompiledQuery(build)


def with_players(page: "ModelSelect[Video]", sort: Sequence[Node]) -> "ModelSelect[User]":
    """Return the query for the clips that a subquery selects, with their players.

    The subquery keeps PostgreSQL from joining and sorting all clips of a city when the page begins at a high offset.
    """
    names = ("title", "votes", "processed_key", "poster_key", "published_at")
    columns = [User.first_name, User.last_name, User.city, *(getattr(page.c, name) for name in names)]
    return User.select(page.c.id, *columns).join(page, on=(page.c.user_id == User.id)).order_by(*sort)


def _build_one() -> BaseQuery:
    clip = Video.select().where(Video.id == parameter("id"), is_public()).alias("page")
    return with_players(clip, ())


ONE_CLIP = CompiledQuery(_build_one)


def to_clip(row: tuple[Any, ...]) -> PublicClip:
    """Return a row of `with_players` as a clip."""
    video_id, first_name, last_name, *others = row
    return PublicClip(id_text(video_id), f"{first_name} {last_name}", *others)


def _sort(order: Order, clips: Any) -> tuple[Node, Node]:
    """Return what a list is sorted by. `clips` has the columns: `Video`, or those of a subquery."""
    if order is Order.VOTES:
        return descending(clips.votes), clips.id
    return (clips.published_at if order is Order.OLDEST else SQL("published_at DESC")), clips.id


def _after(order: Order) -> Expression:
    """Return the condition for the clips after the cursor. Its first comparison is a range of the list's index."""
    value, last_id = parameter("value"), parameter("last_id")
    if order is Order.VOTES:
        return cast(Expression, Tuple(descending(Video.votes), Video.id) > Tuple(value, last_id))
    if order is Order.OLDEST:
        return cast(Expression, Tuple(Video.published_at, Video.id) > Tuple(value, last_id))
    at = Video.published_at
    return (at <= value) & ((at < value) | (Video.id > last_id))


def _write_cursor(order: Order, value: float | None, video_id: str) -> str:
    text = json.dumps([order, value, video_id])
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
