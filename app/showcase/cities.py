"""The cities that have players in the ranking."""

from dataclasses import dataclass

from app.db.database import database
from app.showcase.texts import city_key
from app.showcase.verification import CITY_PREFIX

MAX_CITIES = 200

_LIST = """
WITH RECURSIVE keys (city_key) AS (
    SELECT min(city_key) FROM standings WHERE first_uploaded_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(city_key) FROM standings
            WHERE standings.city_key > keys.city_key AND first_uploaded_at IS NOT NULL)
    FROM keys WHERE keys.city_key IS NOT NULL
)
SELECT city_key, (SELECT users.city FROM standings JOIN users ON users.id = standings.user_id
                  WHERE standings.city_key = keys.city_key AND first_uploaded_at IS NOT NULL
                  ORDER BY -standings.votes, first_uploaded_at, user_id LIMIT 1)
FROM keys WHERE city_key IS NOT NULL LIMIT {most}
"""
"""Finds each city with one probe of the index standings_per_city, and its name as the leading player spells it."""


@dataclass(frozen=True, slots=True)
class City:
    """A city: its key in addresses, and its name."""

    key: str
    name: str


def list_cities() -> list[City]:
    """Return the cities in the order of their keys, at most `MAX_CITIES`, without those of verification accounts."""
    rows = database.execute_sql(_LIST.format(most=MAX_CITIES)).fetchall()
    hidden = city_key(CITY_PREFIX) + " "
    return [City(key, name or key) for key, name in rows if not key.startswith(hidden)]
