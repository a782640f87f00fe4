"""The ranking: players by the votes of all their clips, per city or overall."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from peewee import BaseQuery, Node, Tuple, Value

from app.db.compiled import CompiledQuery, parameter
from app.db.database import descending
from app.db.models import PlayerStanding, User
from app.showcase.texts import city_key
from app.showcase.verification import in_lists_of


@dataclass(slots=True)
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
    values: dict[str, object] = {"limit": limit, "offset": offset}
    if city:
        values["city_key"] = city_key(city)
    return [
        Standing(place, f"{first_name} {last_name}", own_city, votes)
        for place, (first_name, last_name, own_city, votes) in enumerate(
            _ranking(in_city=bool(city)).rows(**values), offset + 1
        )
    ]


def find_standing(user_id: UUID, *, city: str | None) -> Standing | None:
    """Return a player's own row of the ranking, or None if the player is not in it."""
    query = PlayerStanding.select(PlayerStanding, User).join(User)
    of_list = in_lists_of(PlayerStanding, Value(city_key(city)) if city else None)
    in_ranking = of_list & PlayerStanding.first_uploaded_at.is_null(False)
    own = query.where(PlayerStanding.user == user_id, in_ranking).first()
    if own is None:
        return None
    own_id = Value(own.user_id.hex, converter=False)
    place = Tuple(*_sort(PlayerStanding, PlayerStanding.user)) < Tuple(-own.votes, own.first_uploaded_at, own_id)
    ahead = PlayerStanding.select().where(in_ranking, place).count()
    return Standing(ahead + 1, own.user.username, own.user.city, own.votes)


@cache
def _ranking(*, in_city: bool) -> CompiledQuery:
    """Return the query for a page of the ranking. With `in_city`, it has a parameter for the city's key."""

    def build() -> BaseQuery:
        # The subquery keeps PostgreSQL from joining and sorting all players of a city at a high offset.
        of_list = in_lists_of(PlayerStanding, parameter("city_key") if in_city else None)
        page = PlayerStanding.select().where(of_list, PlayerStanding.first_uploaded_at.is_null(False))
        page = page.order_by(*_sort(PlayerStanding, PlayerStanding.user))
        page = page.limit(parameter("limit")).offset(parameter("offset")).alias("page")
        columns = (User.first_name, User.last_name, User.city, page.c.votes)
        with_players = User.select(*columns).join(page, on=(page.c.user_id == User.id))
        return with_players.order_by(*_sort(page.c, page.c.user_id))

    return CompiledQuery(build)


def _sort(standings: Any, user_id: Node) -> tuple[Node, Node, Node]:
    """Return what the ranking is sorted by. `standings` has the columns: the table, or those of a subquery."""
    return descending(standings.votes), standings.first_uploaded_at, user_id
