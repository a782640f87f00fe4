"""Accounts that a check of the site makes to go a player's whole way, and that must leave nothing behind.

Only a request that asks for such an account's own city meets it or its clips in a list, and such a city begins with
`CITY_PREFIX`, so nobody meets them who does not look for them. Upkeep deletes what is left of an account after an hour
(`app.operations.verification`).
"""

from uuid import UUID

from peewee import Expression

from app.db.models import User, Video
from app.showcase.errors import VerificationCityTooOrdinary
from app.showcase.texts import city_key

CITY_PREFIX = "Verification "


def check_city(city: str | None) -> None:
    """See that a verification account stands in no city of players; without any, it is in no list at all.

    Raises:
        VerificationCityTooOrdinary
    """
    if city is not None and not city_key(city).startswith(city_key(CITY_PREFIX) + " "):
        raise VerificationCityTooOrdinary


def in_lists_of(city: str | None) -> Expression:
    """Whose clips a list shows, as a condition on `User`: a city's people, or every player."""
    return User.city_key == city_key(city) if city else ~User.is_verification


def is_of_verification(video_id: UUID) -> bool:
    """Whether a clip needs no review and may have its player's own vote, whatever the house rules: nobody plays."""
    return bool(Video.select().join(User).where(Video.id == video_id, User.is_verification).exists())
