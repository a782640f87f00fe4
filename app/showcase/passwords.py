"""Passwords with argon2id, and a bound on how much memory they take at once."""

from functools import cached_property
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19 * 1024
"""OWASP's minimum for argon2id with two passes and one lane (Password Storage Cheat Sheet, 2024)."""

AT_ONCE = 4


class Passwords:
    """Hashes and checks passwords; at most `AT_ONCE` at a time, so a burst of sign-ins takes bounded memory."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1)
        self._gate = BoundedSemaphore(AT_ONCE)

    @cached_property
    def _nobodys_hash(self) -> str:
        return self.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """An argon2id hash with its own salt and parameters in it."""
        with self._gate:
            return self._hasher.hash(password)

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is right. Takes as long for an unknown account (None) as for a known one."""
        expected = password_hash or self._nobodys_hash
        with self._gate:
            try:
                return self._hasher.verify(expected, password) and password_hash is not None
            except (VerificationError, InvalidHashError):
                return False
