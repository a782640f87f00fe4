"""Queries whose SQL is generated once.

Peewee generates the SQL of a query anew each time it runs, which took a quarter of a read's time. A `CompiledQuery`
keeps the SQL, and returns plain tuples instead of models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from peewee import BaseQuery, Value

from app.db.database import database


@dataclass(frozen=True, slots=True)
class Parameter:
    """The place of a value that is known only when the query runs."""

    name: str


def parameter(name: str) -> Value:
    """Return a place for a value. An id's value is its hexadecimal digits (`UUID.hex`)."""
    return Value(Parameter(name), converter=False)


def id_text(value: str) -> str:
    """Return an id of a row with hyphens. SQLite stores only the hexadecimal digits."""
    return value if "-" in value else str(UUID(value))


class CompiledQuery:
    """A query with parameters. Its SQL is generated at first use, again for each database that the process opens."""

    def __init__(self, build: Callable[[], BaseQuery]) -> None:
        self._build = build
        self._compiled: tuple[object, str, list[Any]] | None = None

    def rows(self, **values: object) -> list[tuple[Any, ...]]:
        """Run the query, and return its rows as the driver returns them. `id_text` reads an id."""
        compiled = self._compiled
        if compiled is None or compiled[0] is not database.obj:
            compiled = self._compiled = (database.obj, *self._build().sql())
        _, sql, parameters = compiled
        bound = [values[each.name] if isinstance(each, Parameter) else each for each in parameters]
        rows: list[tuple[Any, ...]] = database.execute_sql(sql, bound).fetchall()
        return rows
