"""Access tokens (short-lived JWTs) and refresh tokens (opaque, each derived from the one before).

All hang on one secret. A second one may be accepted beside it, so that a rotation need not sign anybody out.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from app.showcase.errors import NotSignedIn

ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    user_id: UUID
    session_id: UUID


class Keys:
    """What is derived from one secret. Each purpose has a key of its own: none shows in what another one makes."""

    def __init__(self, secret: str) -> None:
        self.access = secret
        self._refresh = hmac.digest(secret.encode(), b"rising-stars refresh tokens", "sha256")
        self._seal = hmac.digest(secret.encode(), b"rising-stars sealed refresh tokens", "sha256")
        self._address = hmac.digest(secret.encode(), b"rising-stars sign-up addresses", "sha256")

    def next_refresh(self, token: str) -> str:
        """The successor of a refresh token under this secret."""
        return base64.urlsafe_b64encode(hmac.digest(self._refresh, token.encode(), "sha256")).decode()

    def seal(self, digest: str) -> str:
        """What proves that a stored digest was stored under this secret."""
        return hmac.digest(self._seal, digest.encode(), "sha256").hex()

    def hide_address(self, address: str) -> str:
        """A digest by which equal addresses are seen to be equal, and which cannot be read without the secret."""
        return hmac.digest(self._address, address.encode(), "sha256").hex()


class Tokens:
    """Issues and reads tokens; `clock` gives epoch seconds."""

    def __init__(
        self, secret: str, *, accepted: str | None = None, access_seconds: int, clock: Callable[[], float]
    ) -> None:
        """`secret` signs; tokens of `accepted` hold as well."""
        self._keys = Keys(secret)
        self._all_keys = [self._keys, *([Keys(accepted)] if accepted else [])]
        self._clock = clock
        self.access_seconds = access_seconds

    def issue_access(self, user_id: UUID, session_id: UUID) -> str:
        """A JWT for one session, valid for `access_seconds`."""
        now = int(self._clock())
        claims = {
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + self.access_seconds,
        }
        return jwt.encode(claims, self._keys.access, algorithm=ALGORITHM)

    def read_access(self, token: str, *, at: float | None = None) -> Claims:
        """Check a JWT as of `at` (epoch seconds; now when None).

        Raises:
            NotSignedIn: expired, foreign, of another algorithm, or no JWT at all.
        """
        try:
            claims = self._verified(token)
            if claims["exp"] <= (self._clock() if at is None else at):
                raise NotSignedIn
            return Claims(UUID(claims["sub"]), UUID(claims["sid"]))
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise NotSignedIn from error

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a token that one of the secrets signed."""
        *others, last = self._all_keys
        for keys in others:
            try:
                return _decode(token, keys.access)
            except jwt.InvalidSignatureError:
                continue
        return _decode(token, last.access)

    def hide_address(self, address: str) -> str:
        """What is stored of a sign-up's address; `app.operations.bursts` compares it."""
        return self._keys.hide_address(address)

    def first_refresh(self) -> str:
        """The refresh token a session begins with: 256 random bits."""
        return secrets.token_urlsafe(32)

    def next_refresh(self, token: str) -> str:
        """The successor of a refresh token. Derived, so a client that lost the answer gets the same again."""
        return self._keys.next_refresh(token)

    def possible_successors(self, token: str) -> Iterator[str]:
        """What a process that signs with either secret may have made of a refresh token."""
        return (keys.next_refresh(token) for keys in self._all_keys)

    def seal(self, digest: str) -> str:
        """What is stored beside a refresh token's digest, so that the token ends with the secret."""
        return self._keys.seal(digest)

    def is_seal_of(self, digest: str, seal: str) -> bool:
        """Whether a stored digest was sealed under one of the secrets."""
        return any(hmac.compare_digest(keys.seal(digest), seal) for keys in self._all_keys)


def _decode(token: str, secret: str) -> dict[str, Any]:
    """The claims of a JWT; when it holds is for the caller to judge."""
    return jwt.decode(
        token,
        secret,
        algorithms=[ALGORITHM],
        options={"require": ["exp", "iat", "sub", "sid"], "verify_exp": False, "verify_iat": False},
    )


def digest(token: str) -> str:
    """By what the database finds a refresh token: it keeps no token itself."""
    return hashlib.sha256(token.encode()).hexdigest()
