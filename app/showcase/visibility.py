"""Which clips are there, which the public sees, which votes count: conditions that all queries share."""

from peewee import Expression

from app.db.models import Video, Vote


def is_kept() -> Expression:
    """Whether a clip is still there, as a condition on `Video`: its player has not deleted it."""
    return Video.deleted_at.is_null()


def is_public() -> Expression:
    """Whether the public sees a clip and votes for it, as a condition on `Video`."""
    return Video.published_at.is_null(False) & is_kept() & Video.hidden_at.is_null()


def is_counted() -> Expression:
    """Whether a vote counts, as a condition on `Vote`. One that an operator voided stays, and does not count."""
    return Vote.voided_at.is_null()
