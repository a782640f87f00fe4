"""Hashes of passwords."""

import threading
import time

from app.showcase.passwords import AT_ONCE, Passwords


def test_a_hash_is_argon2id_with_at_least_nineteen_mebibytes() -> None:
    assert Passwords().hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_only_the_right_password_matches() -> None:
    passwords = Passwords()
    kept = passwords.hash("correct horse")
    assert passwords.matches("correct horse", kept)
    assert not passwords.matches("correct horse ", kept)


def test_nothing_matches_an_unknown_account_or_a_broken_hash() -> None:
    passwords = Passwords()
    assert not passwords.matches("nobody has this password", None)
    assert not passwords.matches("!", "!")


def test_no_more_than_a_few_hashes_are_computed_at_once() -> None:
    passwords = Passwords()
    busy = 0
    most = 0
    guard = threading.Lock()
    hasher = passwords._hasher

    class Counting:
        def hash(self, password: str) -> str:
            nonlocal busy, most
            with guard:
                busy += 1
                most = max(most, busy)
            time.sleep(0.01)
            with guard:
                busy -= 1
            return hasher.hash(password)

    passwords._hasher = Counting()  # type: ignore[assignment]
    threads = [threading.Thread(target=passwords.hash, args=("p" * 8,)) for _ in range(4 * AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 < most <= AT_ONCE
