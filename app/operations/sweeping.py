"""Sweeps: delete unreferenced objects, abandoned temporary files and expired rows.

Objects and files are deleted only if they are older than a configured age, because an upload or render in progress may
still need a newer one.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import cast

from peewee import Field

from app.config import Settings
from app.db.database import read_now
from app.db.models import IdempotencyKey, RefreshToken, Session, Video
from app.operations import importing
from app.operations.bursts import forget_addresses
from app.showcase.visibility import is_kept
from app.storage.keys import ORIGINALS, POSTERS, RESULTS
from app.storage.s3 import S3Store, StoredObject

BATCH = 500
IDEMPOTENCY_SECONDS = 86_400
"""How long a repeated request is recognized. Clients retry within minutes."""

REFERENCES: dict[str, Field] = {
    ORIGINALS: Video.original_key,
    RESULTS: Video.processed_key,
    POSTERS: Video.poster_key,
}


def sweep_objects(store: S3Store, settings: Settings) -> int:
    """Delete the objects older than `sweep_age_seconds` that no existing video refers to.

    Such objects remain after a worker loses its lease, a player deletes a clip, or an upload fails.

    Returns:
        The number of deleted objects.
    """
    swept = 0
    for prefix, column in REFERENCES.items():
        before = read_now() - settings.sweep_age_seconds
        old = (stored for stored in store.list(prefix) if stored.modified_at <= before)
        for batch in _batches(old):
            for key in _unreferenced(batch, column):
                store.delete(key)
                swept += 1
    return swept


def _batches(objects: Iterator[StoredObject]) -> Iterator[list[str]]:
    while batch := [stored.key for stored in islice(objects, BATCH)]:
        yield batch


def _unreferenced(keys: list[str], column: Field) -> Iterable[str]:
    living = Video.select(column).where(column.in_(keys), is_kept()).tuples()
    return set(keys).difference(key for (key,) in cast("Iterable[tuple[str]]", living))


def sweep_work_dir(settings: Settings) -> int:
    """Delete the temporary files and directories that dead processes left behind.

    Returns:
        The number of deleted entries.
    """
    if not settings.work_dir.is_dir():
        return 0
    # File times come from this machine's clock, so compare them with that clock, not with the database's.
    before = time.time() - settings.sweep_age_seconds
    abandoned = [entry for entry in settings.work_dir.iterdir() if entry.lstat().st_mtime <= before]
    for entry in abandoned:
        _remove(entry)
    return len(abandoned)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def sweep_rows() -> int:
    """Delete expired sessions with their tokens, old idempotency keys, and old address digests.

    Returns:
        The number of deleted or changed rows.
    """
    now = read_now()
    expired = Session.select(Session.id).where(Session.expires_at < now)
    return int(
        RefreshToken.delete().where((RefreshToken.expires_at < now) | RefreshToken.session.in_(expired)).execute()
        + Session.delete().where(Session.expires_at < now).execute()
        + IdempotencyKey.delete()
        .where(IdempotencyKey.scope != importing.SCOPE, IdempotencyKey.created_at < now - IDEMPOTENCY_SECONDS)
        .execute()
        + forget_addresses()
    )
