"""Signing up and signing in."""

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID, uuid4

from peewee import IntegrityError

from app.db.database import database, db_now, transaction
from app.db.models import User
from app.showcase.errors import (
    EmailTaken,
    IdempotencyKeyReused,
    InvalidCredentials,
    PasswordsDiffer,
)
from app.showcase.idempotency import AnsweredMeanwhile, find_answered, remember
from app.showcase.passwords import Passwords, normalized
from app.showcase.sessions import Sessions, SignedIn
from app.showcase.texts import city_key
from app.showcase.tokens import Tokens
from app.showcase.verification import check_city

SIGNUP = "signup"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The data of a sign-up. Its shape has been validated, but the rules have not been checked yet."""

    first_name: str
    last_name: str
    email: str
    password1: str
    password2: str
    city: str | None
    country: str | None
    is_verification: bool = False
    address: str | None = None
    """The client's address. Only a keyed digest of it is stored, for a week."""

    @property
    def fingerprint(self) -> str:
        """A digest that distinguishes a repeated request from a different one with the same Idempotency-Key.

        The digest omits the password, so that no second, weaker hash of the password is stored. Instead, a repeated
        request's password is checked against the account's password hash.
        """
        identity: list[object] = [self.first_name, self.last_name, self.email.lower(), self.city, self.country]
        if self.is_verification:
            identity.append("verification")
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


class Accounts:
    """The use cases of accounts: sign up and sign in."""

    def __init__(self, passwords: Passwords, tokens: Tokens, sessions: Sessions) -> None:
        self._passwords = passwords
        self._tokens = tokens
        self._sessions = sessions

    def sign_up(self, account: NewAccount, *, idempotency_key: str | None = None) -> tuple[User, SignedIn]:
        """Create an account and open its first session.

        Raises:
            RuleBroken: an error of `register`.
        """
        user = self.register(account, idempotency_key=idempotency_key)
        return user, self._sessions.open(user.id)

    def register(self, account: NewAccount, *, idempotency_key: str | None = None) -> User:
        """Create an account, or return the one that an earlier request with the same key and content created.

        Raises:
            PasswordsDiffer, EmailTaken, IdempotencyKeyReused
            VerificationCityTooOrdinary: the verification account would appear among the players of a real city.
        """
        if normalized(account.password1) != normalized(account.password2):
            raise PasswordsDiffer
        if account.is_verification:
            check_city(account.city)
        earlier = find_answered(SIGNUP, idempotency_key, account.fingerprint)
        try:
            user = User.get_by_id(earlier or self._create(account, idempotency_key))
        except AnsweredMeanwhile as twin:
            earlier, user = twin.resource_id, User.get_by_id(twin.resource_id)
        database.close()
        if earlier and not self._passwords.matches(account.password1, user.password_hash):
            raise IdempotencyKeyReused
        return user

    def _create(self, account: NewAccount, idempotency_key: str | None) -> UUID:
        user_id = uuid4()
        # Return the connection to the pool: under load, this request waits for one of the few hashing threads.
        database.close()
        password_hash = self._passwords.hash(account.password1)
        try:
            with transaction():
                remember(SIGNUP, idempotency_key, account.fingerprint, user_id)
                User.insert(
                    id=user_id,
                    email=account.email.lower(),
                    password_hash=password_hash,
                    first_name=account.first_name,
                    last_name=account.last_name,
                    city=account.city,
                    city_key=city_key(account.city) if account.city else None,
                    country=account.country,
                    is_verification=account.is_verification,
                    signup_address=self._tokens.hide_address(account.address) if account.address else None,
                    created_at=db_now(),
                ).execute()
        except IntegrityError as error:
            raise EmailTaken from error
        return user_id

    def check_password(self, email: str, password: str) -> UUID:
        """Return the account with this address and password.

        Raises:
            InvalidCredentials: the account is unknown or inactive, or the password is wrong. All cases take equally
                long, so that the duration does not reveal which accounts exist.
        """
        user: User | None = User.get_or_none(User.email == email.lower(), User.is_active)
        database.close()
        right = self._passwords.matches(password, user.password_hash if user else None)
        if user is None or not right:
            raise InvalidCredentials
        return UUID(str(user.id))
