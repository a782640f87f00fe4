"""Passwords with argon2id, and a bound on how much memory they take at once."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19 * 1024
"""OWASP's minimum for argon2id with two passes and one lane (Password Storage Cheat Sheet, 2024)."""

AT_ONCE = 4


def normalized(password: str) -> str:
    """A password in Unicode's form NFC: keyboards send "ñ" as one character or as two, and it is one password."""
    return unicodedata.normalize("NFC", password)


def _forms(password: str) -> list[str]:
    """What may have been hashed for a password: NFC; in releases before 0005, as it was typed, here or elsewhere."""
    return list(dict.fromkeys((normalized(password), password, unicodedata.normalize("NFD", password))))


class Passwords:
    """Hashes and checks passwords, at most `AT_ONCE` at a time, so a burst of sign-ins takes bounded memory.

    In threads of its own: the allocator keeps a freed block for each thread that ever had one, so hashing in
    every thread that answers requests would keep 19 MiB for each of them.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")

    @cached_property
    def _nobodys_hash(self) -> str:
        return self.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """An argon2id hash of the normalized password, with its own salt and parameters in it."""
        return self._threads.submit(self._hasher.hash, normalized(password)).result()

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is right, in the form that was hashed.

        A wrong one takes as long for an unknown account (None) as for a known one.
        """
        expected = password_hash or self._nobodys_hash
        right = any(self._verify(expected, form) for form in _forms(password))
        return right and password_hash is not None

    def _verify(self, expected: str, password: str) -> bool:
        try:
            return self._threads.submit(self._hasher.verify, expected, password).result()
        except (VerificationError, InvalidHashError):
            return False
