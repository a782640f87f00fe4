"""The shuffled catalogue: every clip has the same chance to be seen first, however early its player uploaded it.

Clips lie on a ring in the order of their ids, which are random (UUID version 4) and indexed. One of `SHUFFLES` starting
points, a sixteenth of the ring apart, begins a list; its pages go once around the ring. So a list stays in order while
its reader turns the pages, and a cache keeps at most `SHUFFLES` variants of each page.
"""

import re
from functools import cache
from uuid import UUID

from peewee import BaseQuery

from app.db.compiled import CompiledQuery, parameter
from app.db.models import Video
from app.showcase.catalogue import Page, PublicClip, to_clip, with_players
from app.showcase.errors import UnknownCursor
from app.showcase.texts import city_key
from app.showcase.verification import in_lists_of
from app.showcase.visibility import is_public

SHUFFLES = 16
RING = 1 << 128
"""The number of possible ids."""

CURSOR = re.compile(r"([0-9a-f])([0-9a-f]{32})")
"""The shuffle, then the id of the last clip of the page before."""


def list_shuffled(*, city: str | None, shuffle: int, limit: int, cursor: str | None = None) -> Page:
    """Return a page of the published clips. `shuffle` is 0 to 15; a cursor's own shuffle takes precedence.

    Raises:
        UnknownCursor: this list did not issue `cursor`.
    """
    last: int | None = None
    if cursor is not None:
        shuffle, last = _read_cursor(cursor)
    start = shuffle * (RING // SHUFFLES)
    clips: list[PublicClip] = []
    for lower, upper in _arcs(start, last):
        if lower <= upper and len(clips) <= limit:
            # One more row shows whether there is a next page.
            clips += _clips_between(lower, upper, city, limit + 1 - len(clips))
    if len(clips) <= limit:
        return Page(clips, None)
    return Page(clips[:limit], f"{shuffle:x}{UUID(clips[limit - 1].id).hex}")


def _arcs(start: int, last: int | None) -> list[tuple[int, int]]:
    """Return what is left of the ring from `start`, or after `last`, as ranges of ids that include both ends."""
    if last is None:
        return [(start, RING - 1), (0, start - 1)]
    if last >= start:
        return [(last + 1, RING - 1), (0, start - 1)]
    return [(last + 1, start - 1)]


def _clips_between(lower: int, upper: int, city: str | None, limit: int) -> list[PublicClip]:
    values: dict[str, object] = {"lower": UUID(int=lower).hex, "upper": UUID(int=upper).hex, "limit": limit}
    if city:
        values["city_key"] = city_key(city)
    return [to_clip(row) for row in _arc_query(in_city=bool(city)).rows(**values)]


@cache
def _arc_query(*, in_city: bool) -> CompiledQuery:
    """Return the query for the clips of a range of ids. With `in_city`, it has a parameter for the city's key."""

    def build() -> BaseQuery:
        of_list = in_lists_of(Video, parameter("city_key") if in_city else None)
        on_arc = (Video.id >= parameter("lower")) & (Video.id <= parameter("upper"))
        page = Video.select().where(is_public() & of_list & on_arc).order_by(Video.id)
        page = page.limit(parameter("limit")).alias("page")
        return with_players(page, (page.c.id,))

    return CompiledQuery(build)


def _read_cursor(cursor: str) -> tuple[int, int]:
    parts = CURSOR.fullmatch(cursor)
    if parts is None:
        raise UnknownCursor
    return int(parts.group(1), 16), int(parts.group(2), 16)
