"""Query conditions shared by all queries: which clips exist, which are public, which votes count."""

from peewee import Expression

from app.db.models import Video, Vote


def is_kept() -> Expression:
    """Return a condition on `Video`: its player has not deleted it."""
    return Video.deleted_at.is_null()


def is_public() -> Expression:
    """Return a condition on `Video`: the public may see it and vote for it."""
    return Video.published_at.is_null(False) & is_kept() & Video.hidden_at.is_null()


IS_PUBLIC = "published_at IS NOT NULL AND deleted_at IS NULL AND hidden_at IS NULL"
"""The condition of `is_public`, for SQL that Peewee cannot generate."""


def is_counted() -> Expression:
    """Return a condition on `Vote`: it counts. A vote that an operator voided is kept, but does not count."""
    return Vote.voided_at.is_null()
