"""Keeping the stored keys of cities in step with the fold that filters use."""

from collections.abc import Iterable
from typing import cast

from app.db.models import User
from app.showcase.texts import city_key


def refold_city_keys() -> int:
    """Store today's key for each spelling of a city.

    While a release rolls out, or after one was rolled back, machines of another release write keys of their own fold.

    Returns:
        How many accounts got another key.
    """
    spellings = User.select(User.city, User.city_key).where(User.city.is_null(False)).distinct().tuples()
    return sum(_refold(city, key) for city, key in list(cast("Iterable[tuple[str, str | None]]", spellings)))


def _refold(city: str, stored_key: str | None) -> int:
    """Each spelling by itself: no transaction holds more accounts than it must."""
    if stored_key == city_key(city):
        return 0
    spelled_so = (User.city == city) & (User.city_key == stored_key)
    return int(User.update(city_key=city_key(city)).where(spelled_so).execute())
