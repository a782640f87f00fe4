"""Access tokens (short-lived JWTs) and refresh tokens (opaque, each derived from the one before)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import jwt

from app.showcase.errors import NotSignedIn

ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    user_id: UUID
    session_id: UUID


class Tokens:
    """Issues and reads tokens with one secret; `clock` gives epoch seconds."""

    def __init__(self, secret: str, *, access_seconds: int, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock
        self.access_seconds = access_seconds
        # A key of its own: a refresh token must never be computable from anything a JWT shows.
        self._refresh_key = hmac.digest(secret.encode(), b"rising-stars refresh tokens", "sha256")

    def issue_access(self, user_id: UUID, session_id: UUID) -> str:
        """A JWT for one session, valid for `access_seconds`."""
        now = int(self._clock())
        claims = {
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + self.access_seconds,
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def read_access(self, token: str, *, at: float | None = None) -> Claims:
        """Check a JWT as of `at` (epoch seconds; now when None).

        Raises:
            NotSignedIn: expired, foreign, of another algorithm, or no JWT at all.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                options={"require": ["exp", "iat", "sub", "sid"], "verify_exp": False, "verify_iat": False},
            )
            if claims["exp"] <= (self._clock() if at is None else at):
                raise NotSignedIn
            return Claims(UUID(claims["sub"]), UUID(claims["sid"]))
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise NotSignedIn from error

    def first_refresh(self) -> str:
        """The refresh token a session begins with: 256 random bits."""
        return secrets.token_urlsafe(32)

    def next_refresh(self, token: str) -> str:
        """The successor of a refresh token. Derived, so a client that lost the answer gets the same again."""
        return base64.urlsafe_b64encode(hmac.digest(self._refresh_key, token.encode(), "sha256")).decode()


def digest(token: str) -> str:
    """What the database keeps of a refresh token."""
    return hashlib.sha256(token.encode()).hexdigest()
