"""/auth: sign up, log in, refresh the tokens, log out."""

from collections.abc import Iterator

from bottle import HTTPResponse

from app.api.request_schemas import LoginBody, RefreshBody, SignUpBody
from app.api.requests import client_address, read_idempotency_key, read_json, read_member, read_verification
from app.api.response_schemas import Profile, SignedUp, TokenPair
from app.api.responses import answer, no_content
from app.api.routing import ApiDependencies, Route
from app.db.models import User
from app.showcase.accounts import NewAccount
from app.showcase.sessions import SignedIn


class AuthResource:
    """Accounts and sessions."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("POST", "/api/auth/signup", self.sign_up)
        yield Route("POST", "/api/auth/login", self.log_in)
        yield Route("POST", "/api/auth/refresh", self.refresh)
        yield Route("DELETE", "/api/auth", self.log_out)

    def sign_up(self) -> HTTPResponse:
        """Create an account and sign its owner in."""
        verifies = read_verification(self._dependencies.settings)
        body = read_json(SignUpBody)
        key = read_idempotency_key()
        self._dependencies.throttle.hit(
            self._dependencies.settings.signup_limit_per_address, "signup", client_address()
        )
        account = NewAccount(**body.model_dump(), is_verification=verifies, address=client_address())
        user, signed_in = self._dependencies.accounts.sign_up(account, idempotency_key=key)
        profile = _profile(user)
        signed_up = SignedUp(
            **profile.model_dump(),
            user=profile,
            access_token=signed_in.access_token,
            expires_in=signed_in.expires_in,
        )
        return answer(signed_up, status=201)

    def log_in(self) -> HTTPResponse:
        """Open a session.

        Three limits count the attempts, in this order: per address, per account and address together, per account. An
        attempt that one limit rejects does not count against the limits after it. With the default limits, attempts
        from a single address therefore cannot exhaust the limit of an account.
        """
        body = read_json(LoginBody)
        throttle, settings = self._dependencies.throttle, self._dependencies.settings
        account_and_address = f"{client_address()} {body.email}"
        throttle.hit(settings.login_limit_per_address, "login-address", client_address())
        throttle.hit(settings.login_limit_per_account_and_address, "login-account-address", account_and_address)
        throttle.hit(settings.login_limit_per_account, "login-account", body.email)
        signed_in = self._dependencies.accounts.sign_in(body.email, body.password)
        throttle.forgive(settings.login_limit_per_account_and_address, "login-account-address", account_and_address)
        return answer(_pair(signed_in))

    def refresh(self) -> HTTPResponse:
        """Refresh a session: return a new access token and a new refresh token."""
        return answer(_pair(self._dependencies.sessions.refresh(read_json(RefreshBody).refresh_token)))

    def log_out(self) -> HTTPResponse:
        """End the session."""
        self._dependencies.sessions.sign_out(read_member(self._dependencies.sessions))
        return no_content()


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
