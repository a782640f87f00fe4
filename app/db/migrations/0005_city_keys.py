"""Fold more spellings into city keys: Latin letters such as ł, ø and đ, apostrophes, dashes, invisible characters.

The folding in this file is a frozen copy. If a machine of an earlier release writes keys after this migration, upkeep
recomputes them (`app.operations.cities`).
"""

import unicodedata
from collections.abc import Iterable
from typing import cast

from anyascii import anyascii
from peewee import CharField, Database, Model, UUIDField
from playhouse.migrate import SchemaMigrator

KEY_CHARS = 100
APOSTROPHES = str.maketrans(dict.fromkeys("\u0060\u00b4\u02b9\u02bb\u02bc\u02c8\u2018\u2019\u201b\u2032\uff07", "'"))
SHAPELESS_MARKS = {"\u034f", *map(chr, range(0xFE00, 0xFE10))}
OPTIONAL_POINTS = range(10, 37)
ACCENTS = 200


class User(Model):
    id = UUIDField(primary_key=True)
    city = CharField(100, null=True)
    city_key = CharField(100, null=True, index=True)

    class Meta:
        table_name = "users"


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Recompute the key of each spelling, with the model bound only to the database that is migrated."""
    with db.bind_ctx([User]):
        # Write first: on SQLite, a transaction that reads first cannot write if another transaction wrote in between.
        User.update(city_key=None).where(User.city.is_null(), User.city_key.is_null(False)).execute()
        spellings = User.select(User.city, User.city_key).where(User.city.is_null(False)).distinct().tuples()
        for city, stored_key in list(cast("Iterable[tuple[str, str | None]]", spellings)):
            if stored_key != city_key(city):
                spelled_so = (User.city == city) & (User.city_key == stored_key)
                User.update(city_key=city_key(city)).where(spelled_so).execute()


def city_key(city: str) -> str:
    """Return the key that the spellings of a city share."""
    decomposed = unicodedata.normalize("NFKD", city.translate(APOSTROPHES)).casefold()
    seen = (char for char in decomposed if not is_optional(char))
    folded = "".join(latin_spelling(char) or char for char in seen).casefold().translate(APOSTROPHES)
    return " ".join(unicodedata.normalize("NFC", folded).split())[:KEY_CHARS].rstrip()


def is_optional(char: str) -> bool:
    """Whether spellings of one name may omit this character."""
    mark = unicodedata.combining(char)
    if mark in OPTIONAL_POINTS or mark >= ACCENTS:
        return True
    return unicodedata.category(char) == "Cf" or char in SHAPELESS_MARKS


def latin_spelling(char: str) -> str:
    """Return a Latin letter, a dash or a quotation mark in ASCII; empty for any other character."""
    is_latin = unicodedata.category(char) in {"Pd", "Pi", "Pf"} or unicodedata.name(char, "").startswith("LATIN")
    return anyascii(char) if is_latin else ""
