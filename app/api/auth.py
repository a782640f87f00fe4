"""/auth: sign up, log in, refresh the tokens, log out."""

from collections.abc import Iterator

from app.api.replies import NOTHING, SIGNED_UP, TOKEN_PAIR
from app.api.response_schemas import Profile, SignedUp, TokenPair
from app.api.routing import ApiDependencies, Route
from app.db.models import User
from app.http.credentials import check_credentials
from app.http.errors import VerificationRefused
from app.http.limits import LOGINS_PER_ACCOUNT, LOGINS_PER_ACCOUNT_AND_ADDRESS, LOGINS_PER_ADDRESS, SIGN_UPS
from app.http.request_schemas import LoginBody, RefreshBody, SignUpBody
from app.http.requests import client_address, read_idempotency_key, read_member, read_verification
from app.showcase.accounts import NewAccount
from app.showcase.errors import (
    EmailTaken,
    InvalidCredentials,
    NotSignedIn,
    PasswordsDiffer,
    VerificationCityTooOrdinary,
)
from app.showcase.sessions import SignedIn


class AuthResource:
    """Accounts and sessions."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route(
            "POST",
            "/api/auth/signup",
            self.sign_up,
            SIGNED_UP,
            admit=self._is_verification,
            body=SignUpBody,
            is_idempotent=True,
            limits=(SIGN_UPS,),
            errors=(PasswordsDiffer, EmailTaken, VerificationCityTooOrdinary, VerificationRefused),
        )
        yield Route(
            "POST",
            "/api/auth/login",
            self.log_in,
            TOKEN_PAIR,
            body=LoginBody,
            limits=(LOGINS_PER_ADDRESS, LOGINS_PER_ACCOUNT_AND_ADDRESS, LOGINS_PER_ACCOUNT),
            errors=(InvalidCredentials,),
        )
        yield Route("POST", "/api/auth/refresh", self.refresh, TOKEN_PAIR, body=RefreshBody, errors=(NotSignedIn,))
        yield Route("DELETE", "/api/auth", self.log_out, NOTHING, signed_in=True)

    def sign_up(self, body: SignUpBody, *, admitted: bool) -> SignedUp:
        """Create an account and sign its owner in."""
        key = read_idempotency_key()
        self._dependencies.count((SIGN_UPS, client_address()))
        account = NewAccount(**body.model_dump(), is_verification=admitted, address=client_address())
        user, signed_in = self._dependencies.accounts.sign_up(account, idempotency_key=key)
        profile = _profile(user)
        return SignedUp(
            **profile.model_dump(),
            user=profile,
            access_token=signed_in.access_token,
            expires_in=signed_in.expires_in,
        )

    def log_in(self, body: LoginBody) -> TokenPair:
        """Open a session.

        The limits below count the attempts in this order. An attempt that one limit rejects does not count against the
        limits after it.
        """
        user_id = check_credentials(self._dependencies, body.email, body.password)
        return _pair(self._dependencies.sessions.open(user_id))

    def refresh(self, body: RefreshBody) -> TokenPair:
        """Refresh a session: return a new access token and a new refresh token."""
        return _pair(self._dependencies.sessions.refresh(body.refresh_token))

    def log_out(self) -> None:
        """End the session."""
        self._dependencies.sessions.sign_out(read_member(self._dependencies.sessions))

    def _is_verification(self) -> bool:
        # Before the body is read: a wrong secret gets 403, whatever the body is.
        return read_verification(self._dependencies.settings)


def _profile(user: User) -> Profile:
    return Profile(
        id=str(user.id),
        user_id=str(user.id),
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        city=user.city,
        country=user.country,
        is_active=user.is_active,
    )


def _pair(signed_in: SignedIn) -> TokenPair:
    return TokenPair(
        access_token=signed_in.access_token,
        expires_in=signed_in.expires_in,
        refresh_token=signed_in.refresh_token,
    )
