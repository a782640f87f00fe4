"""Password hashing with argon2id in bounded memory."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19 * 1024
"""OWASP's minimum for argon2id with two passes and one lane (Password Storage Cheat Sheet, 2024)."""

AT_ONCE = 2
"""As many as the smallest machine has cores. More would not hash faster, and each takes 19 MiB that stay allocated."""


def normalized(password: str) -> str:
    """Return a password in Unicode's form NFC, because some keyboards send "ñ" as one character and others as two."""
    return unicodedata.normalize("NFC", password)


def _forms(password: str) -> list[str]:
    """Return the forms that may have been hashed: NFC or, by earlier releases, the typed form, which may be NFD."""
    return list(dict.fromkeys((normalized(password), password, unicodedata.normalize("NFD", password))))


class Passwords:
    """Hashes and checks passwords, at most `AT_ONCE` at a time, so that many concurrent sign-ins use bounded memory.

    Each thread that hashes passwords retains 19 MiB, because the allocator retains freed memory per thread. So hashing
    runs in threads of its own, not in the many threads that handle requests.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")

    @cached_property
    def _dummy_hash(self) -> str:
        return self.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Return an argon2id hash of the normalized password, which includes its salt and parameters."""
        return self._threads.submit(self._hasher.hash, normalized(password)).result()

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password matches the hash in any of its forms.

        For an unknown account (None) the check takes as long as for a wrong password.
        """
        expected = password_hash or self._dummy_hash
        right = any(self._verify(expected, form) for form in _forms(password))
        return right and password_hash is not None

    def _verify(self, expected: str, password: str) -> bool:
        try:
            return self._threads.submit(self._hasher.verify, expected, password).result()
        except (VerificationError, InvalidHashError):
            return False
