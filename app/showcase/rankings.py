"""The ranking: players by the votes of all their clips, per city or overall."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from peewee import Node

from app.db.database import descending
from app.db.models import PlayerStanding, User
from app.showcase.verification import in_lists_of


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
    # The subquery keeps PostgreSQL from joining and sorting all players of a city at a high offset.
    page = (
        PlayerStanding.select()
        .where(in_lists_of(PlayerStanding, city), PlayerStanding.first_uploaded_at.is_null(False))
        .order_by(*_sort(PlayerStanding, PlayerStanding.user))
        .limit(limit)
        .offset(offset)
        .alias("page")
    )
    query = (
        User.select(User.first_name, User.last_name, User.city, page.c.votes)
        .join(page, on=(page.c.user_id == User.id))
        .order_by(*_sort(page.c, page.c.user_id))
    )
    rows = cast("Iterable[tuple[str, str, str | None, int]]", query.tuples())
    return [
        Standing(place, f"{first_name} {last_name}", own_city, int(votes))
        for place, (first_name, last_name, own_city, votes) in enumerate(rows, offset + 1)
    ]


def _sort(standings: Any, user_id: Node) -> tuple[Node, Node, Node]:
    """Return what the ranking is sorted by. `standings` has the columns: the table, or those of a subquery."""
    return descending(standings.votes), standings.first_uploaded_at, user_id
