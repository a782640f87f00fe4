"""Seals the refresh tokens that an earlier release stored without a seal (an HMAC, see `app.showcase.tokens`)."""

from typing import cast

from peewee import Case

from app.db.database import read_now
from app.db.models import RefreshToken
from app.showcase.tokens import Tokens

BATCH = 500


def seal_stored(tokens: Tokens) -> int:
    """Seal the unused and unexpired tokens. Several processes may do this at the same time.

    Returns:
        The number of tokens that this call sealed.
    """
    sealed = 0
    while unsealed := _next_unsealed():
        seals = tuple((digest, tokens.seal(digest)) for digest in unsealed)
        update = RefreshToken.update(seal=Case(RefreshToken.digest, seals))
        sealed += int(update.where(RefreshToken.digest.in_(unsealed), RefreshToken.seal.is_null()).execute())
    return sealed


def _next_unsealed() -> list[str]:
    usable = RefreshToken.used_at.is_null() & (RefreshToken.expires_at > read_now())
    rows = RefreshToken.select(RefreshToken.digest).where(RefreshToken.seal.is_null(), usable).limit(BATCH).tuples()
    return [digest for (digest,) in cast("list[tuple[str]]", list(rows))]
