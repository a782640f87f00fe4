"""Access tokens (short-lived JWTs), refresh tokens (opaque, each derived from the one before), and browsers' tokens.

All tokens depend on one secret. A second secret may also be accepted, so that a rotation signs no player out.
"""

import base64
import functools
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
    """The claims of a valid access token."""

    user_id: UUID
    session_id: UUID


VERIFIED_TOKENS = 4096
"""The number of tokens whose verified claims are kept in memory: about 1 KB each."""


class Keys:
    """Keys derived from one secret, a separate one for each purpose."""

    def __init__(self, secret: str) -> None:
        self.access = secret
        self.page = hmac.digest(secret.encode(), b"rising-stars page sessions", "sha256").hex()
        self._refresh = hmac.digest(secret.encode(), b"rising-stars refresh tokens", "sha256")
        self._seal = hmac.digest(secret.encode(), b"rising-stars sealed refresh tokens", "sha256")
        self._address = hmac.digest(secret.encode(), b"rising-stars sign-up addresses", "sha256")

    def next_refresh(self, token: str) -> str:
        """Return the successor of a refresh token under this secret."""
        return base64.urlsafe_b64encode(hmac.digest(self._refresh, token.encode(), "sha256")).decode()

    def seal(self, digest: str) -> str:
        """Return the seal of a digest: an HMAC that proves that the digest was stored under this secret."""
        return hmac.digest(self._seal, digest.encode(), "sha256").hex()

    def hide_address(self, address: str) -> str:
        """Return a keyed digest of an address: equal for equal addresses, not reversible without the secret."""
        return hmac.digest(self._address, address.encode(), "sha256").hex()


class Tokens:
    """Issues and reads tokens; `clock` returns epoch seconds."""

    def __init__(
        self, secret: str, *, accepted: str | None = None, access_seconds: int, clock: Callable[[], float]
    ) -> None:
        """Use `secret` to sign. Tokens signed with `accepted` are valid, too."""
        self._keys = Keys(secret)
        self._all_keys = [self._keys, *([Keys(accepted)] if accepted else [])]
        self._clock = clock
        self.access_seconds = access_seconds
        # A signature that was valid remains valid. The expiry of a token and the state of its session are checked anew
        # for each request.
        self._verified = functools.lru_cache(VERIFIED_TOKENS)(self._verify)

    def issue_access(self, user_id: UUID, session_id: UUID) -> str:
        """Return a JWT for one session, valid for `access_seconds`."""
        return self._issue(self._keys.access, user_id, session_id, self.access_seconds)

    def issue_page(self, user_id: UUID, session_id: UUID, *, seconds: int) -> str:
        """Return a JWT for a browser's cookie, valid for `seconds`.

        The API does not accept it, and pages accept no access token. It is valid for longer than an access token,
        because no script can read the cookie (HttpOnly).
        """
        return self._issue(self._keys.page, user_id, session_id, seconds)

    def _issue(self, key: str, user_id: UUID, session_id: UUID, seconds: int) -> str:
        now = int(self._clock())
        claims = {"sub": str(user_id), "sid": str(session_id), "iat": now, "exp": now + seconds}
        return jwt.encode(claims, key, algorithm=ALGORITHM)

    def read_access(self, token: str, *, at: float | None = None) -> Claims:
        """Return the claims of a JWT, validated as of `at` (epoch seconds; now when None).

        Raises:
            NotSignedIn: the token is expired, signed by another key or algorithm, or no JWT at all.
        """
        return self._read(token, "access", at)

    def read_page(self, token: str, *, at: float | None = None) -> Claims:
        """Return the claims of a JWT that `issue_page` issued.

        Raises:
            NotSignedIn: as for `read_access`.
        """
        return self._read(token, "page", at)

    def _read(self, token: str, use: str, at: float | None) -> Claims:
        try:
            claims = self._verified(token, use)
            if claims["exp"] <= (self._clock() if at is None else at):
                raise NotSignedIn
            return Claims(UUID(claims["sub"]), UUID(claims["sid"]))
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise NotSignedIn from error

    def _verify(self, token: str, use: str) -> dict[str, Any]:
        """Return the claims of a token for this use (`access` or `page`) that one of the accepted secrets signed."""
        *others, last = (str(getattr(keys, use)) for keys in self._all_keys)
        for key in others:
            try:
                return _decode(token, key)
            except jwt.InvalidSignatureError:
                continue
        return _decode(token, last)

    def hide_address(self, address: str) -> str:
        """Return the keyed digest of a sign-up's address, which the database stores for `app.operations.bursts`."""
        return self._keys.hide_address(address)

    def first_refresh(self) -> str:
        """Return a session's first refresh token: 256 random bits."""
        return secrets.token_urlsafe(32)

    def next_refresh(self, token: str) -> str:
        """Return the successor of a refresh token.

        The successor is derived from the token, so a repeated request gets the same one.
        """
        return self._keys.next_refresh(token)

    def possible_successors(self, token: str) -> Iterator[str]:
        """Return the successors of a refresh token under each accepted secret."""
        return (keys.next_refresh(token) for keys in self._all_keys)

    def seal(self, digest: str) -> str:
        """Return the seal to store with a refresh token's digest. A change of the secret invalidates the token."""
        return self._keys.seal(digest)

    def is_seal_of(self, digest: str, seal: str) -> bool:
        """Whether a stored digest was sealed under one of the accepted secrets."""
        return any(hmac.compare_digest(keys.seal(digest), seal) for keys in self._all_keys)


def _decode(token: str, secret: str) -> dict[str, Any]:
    """Return the claims of a JWT after checking its signature. The caller checks its validity period."""
    return jwt.decode(
        token,
        secret,
        algorithms=[ALGORITHM],
        options={"require": ["exp", "iat", "sub", "sid"], "verify_exp": False, "verify_iat": False},
    )


def digest(token: str) -> str:
    """Return the digest under which the database stores a refresh token."""
    return hashlib.sha256(token.encode()).hexdigest()
