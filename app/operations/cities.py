"""Recomputes stored city keys, so that they match the keys that this release's city filters compute."""

from collections.abc import Iterable
from typing import cast

from app.db.database import transaction
from app.db.models import User, Video
from app.showcase.standings import lock_videos
from app.showcase.texts import city_key


def refold_city_keys() -> int:
    """Recompute the stored key of each spelling of a city.

    During a rollout or after a rollback, machines of another release may have written keys with a different folding.

    Returns:
        The number of accounts whose key changed.
    """
    spellings = User.select(User.city, User.city_key).where(User.city.is_null(False)).distinct().tuples()
    return sum(_refold(city, key) for city, key in list(cast("Iterable[tuple[str, str | None]]", spellings)))


def _refold(city: str, stored_key: str | None) -> int:
    """Update the key of one spelling. One transaction per spelling locks few rows at a time.

    A trigger copies the key to the players' videos, so these are locked first (`app.db.models`).
    """
    if stored_key == city_key(city):
        return 0
    spelled_so = (User.city == city) & (User.city_key == stored_key)
    with transaction():
        lock_videos(Video.user.in_(User.select(User.id).where(spelled_so)))
        return int(User.update(city_key=city_key(city)).where(spelled_so).execute())
