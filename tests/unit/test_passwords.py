"""Password hashing: the algorithm, Unicode forms, and the limit on concurrent hashes."""

import threading
import time
import unicodedata

import pytest

from app.showcase.passwords import AT_ONCE, Passwords


def test_a_hash_is_argon2id_with_at_least_nineteen_mebibytes() -> None:
    assert Passwords().hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_only_the_right_password_matches() -> None:
    passwords = Passwords()
    kept = passwords.hash("correct horse")
    assert passwords.matches("correct horse", kept)
    assert not passwords.matches("correct horse ", kept)


COMPOSED = unicodedata.normalize("NFC", "contraseña-canción")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize("signed_up", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
def test_composed_and_decomposed_forms_of_a_password_are_equal(signed_up: str, typed: str) -> None:
    passwords = Passwords()
    kept = passwords.hash(signed_up)
    assert passwords.matches(typed, kept)
    assert not passwords.matches(unicodedata.normalize("NFKD", typed).encode("ascii", "ignore").decode(), kept)


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
@pytest.mark.parametrize("hashed", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
def test_a_hash_made_without_normalization_still_matches(hashed: str, typed: str) -> None:
    passwords = Passwords()
    as_before = passwords._hasher.hash(hashed)
    assert passwords.matches(typed, as_before)
    assert not passwords.matches(typed + "x", as_before)


def test_a_hash_of_a_mixed_form_matches_the_password_as_typed() -> None:
    passwords, typed = Passwords(), "\u212bngstro\u0308m-" + COMPOSED
    assert passwords.matches(typed, passwords._hasher.hash(typed))


def test_nothing_matches_an_unknown_account_or_a_broken_hash() -> None:
    passwords = Passwords()
    assert not passwords.matches("a password of no account", None)
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
