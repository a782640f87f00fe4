"""Idempotency keys: of several requests with the same key and body, only one creates a resource; all return it."""

from uuid import UUID

from app.db.database import db_now
from app.db.models import IdempotencyKey
from app.showcase.errors import IdempotencyKeyReused


def find_answered(scope: str, key: str | None, fingerprint: str) -> UUID | None:
    """Return the id of the resource that an earlier request with this key created, or None.

    Raises:
        IdempotencyKeyReused: the earlier request had a different body.
    """
    if key is None:
        return None
    row = IdempotencyKey.get_or_none(IdempotencyKey.scope == scope, IdempotencyKey.key == key)
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return UUID(str(row.resource_id))


def remember(scope: str, key: str | None, fingerprint: str, resource_id: UUID) -> None:
    """Record the resource that this request creates, in the caller's transaction.

    Raises:
        AnsweredMeanwhile: a concurrent request with the same key and body committed first. The caller's transaction
            rolls back.
        IdempotencyKeyReused: the first request had a different body.
    """
    if key is None:
        return
    noted = IdempotencyKey.insert(
        scope=scope, key=key, fingerprint=fingerprint, resource_id=resource_id, created_at=db_now()
    )
    if not noted.on_conflict_ignore().as_rowcount().execute():
        twin = find_answered(scope, key, fingerprint)
        raise AnsweredMeanwhile(twin or resource_id)


class AnsweredMeanwhile(Exception):
    """A concurrent request with the same key committed first and created `resource_id`."""

    def __init__(self, resource_id: UUID) -> None:
        super().__init__(str(resource_id))
        self.resource_id = resource_id
