"""Verification accounts: `playbooks/verify_site.yml` creates them to act as a player. They must leave no trace.

Their city begins with `CITY_PREFIX`. Lists include verification accounts and their clips only when a request names
their city, so players do not see them. Upkeep deletes each of these accounts, with everything
that refers to it, an hour after the account was created (`app.operations.verification`).
"""

from uuid import UUID

from peewee import Expression, Node

from app.db.models import PlayerStanding, Video
from app.showcase.errors import VerificationCityTooOrdinary
from app.showcase.texts import city_key

CITY_PREFIX = "Verification "


def check_city(city: str | None) -> None:
    """Check that a verification account's city begins with `CITY_PREFIX`, so that it is not a real city.

    `city` may be None, because no list of a city contains an account without a city.

    Raises:
        VerificationCityTooOrdinary
    """
    if city is not None and not city_key(city).startswith(city_key(CITY_PREFIX) + " "):
        raise VerificationCityTooOrdinary


def in_lists_of(table: type[Video | PlayerStanding], key: Node | None) -> Expression:
    """Return a condition: the clip or standing appears in lists of the city with this key or, for None, of all."""
    return ~table.is_verification if key is None else table.city_key == key


def is_of_verification(video_id: UUID) -> bool:
    """Whether a clip belongs to a verification account. Such a clip needs no review, and its owner may vote for it."""
    return bool(Video.select().where(Video.id == video_id, Video.is_verification).exists())
