"""Passwords with argon2id, and a bound on how much memory they take at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19 * 1024
"""OWASP's minimum for argon2id with two passes and one lane (Password Storage Cheat Sheet, 2024)."""

AT_ONCE = 4


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
        """An argon2id hash with its own salt and parameters in it."""
        return self._threads.submit(self._hasher.hash, password).result()

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is right. Takes as long for an unknown account (None) as for a known one."""
        expected = password_hash or self._nobodys_hash
        try:
            right = self._threads.submit(self._hasher.verify, expected, password).result()
        except (VerificationError, InvalidHashError):
            return False
        return right and password_hash is not None
