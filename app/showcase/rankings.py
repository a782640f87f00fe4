"""The ranking: players by the votes of all their clips, per city or overall."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from peewee import fn

from app.db.models import User, Video
from app.showcase.verification import in_lists_of
from app.showcase.visibility import is_public


@dataclass(frozen=True, slots=True)
class Standing:
    """A row of the ranking; positions count from 1 within the filter."""

    position: int
    username: str
    city: str | None
    votes: int


def rank(*, city: str | None, limit: int, offset: int) -> list[Standing]:
    """Return the players with a published clip, most votes first. In a tie, the earliest upload comes first.

    Args:
        city: with or without accents, in upper or lower case; None for all cities.
        limit: the maximum number of rows.
        offset: the number of rows to skip. The first position is `offset` + 1.
    """
    total, first_upload = fn.SUM(Video.votes), fn.MIN(Video.uploaded_at)
    query = (
        User.select(User.first_name, User.last_name, User.city, total)
        .join(Video)
        .where(in_lists_of(city), is_public())
        .group_by(User.id, User.first_name, User.last_name, User.city)
        .order_by(total.desc(), first_upload, User.id)
    )
    rows = cast("Iterable[tuple[str, str, str | None, int]]", query.limit(limit).offset(offset).tuples())
    return [
        Standing(place, f"{first_name} {last_name}", own_city, int(votes))
        for place, (first_name, last_name, own_city, votes) in enumerate(rows, offset + 1)
    ]
