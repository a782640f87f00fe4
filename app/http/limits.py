"""The rate limits of API and pages: which setting holds each of them, and what it counts by."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from limits import RateLimitItem, parse

from app.config import Settings
from app.http.counters import Charge
from app.http.requests import client_address
from app.showcase.sessions import Member


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit.

    Attributes:
        setting: the setting that holds the limit, for example "60 per 1 minute".
        purpose: what is counted. It is the limit's name in the store and in the response's headers.
        per: what the requests are counted by.
        is_announced: whether responses say how much of the limit is left. The count of an account must not be shown to
            a client that only knows the account's e-mail address.
    """

    setting: str
    purpose: str
    per: str
    is_announced: bool = True

    def charge(self, settings: Settings, who: str) -> Charge:
        """Return a request of `who`, an account or address, to be counted for the limit that the settings configure."""
        return Charge(_parse(getattr(settings, self.setting)), self.purpose, who)

    @property
    def default(self) -> str:
        """The limit of a site that does not configure it."""
        return str(Settings.model_fields[self.setting].default)


@functools.lru_cache(maxsize=64)
def _parse(limit: str) -> RateLimitItem:
    """Parse a limit. The settings contain only a few."""
    return parse(limit)


SIGN_UPS = RateLimit("signup_limit_per_address", "signup", "address")
LOGINS_PER_ADDRESS = RateLimit("login_limit_per_address", "login-address", "address")
LOGINS_PER_ACCOUNT_AND_ADDRESS = RateLimit(
    "login_limit_per_account_and_address", "login-account-address", "account and address"
)
LOGINS_PER_ACCOUNT = RateLimit("login_limit_per_account", "login-account", "account", is_announced=False)
VOTES_PER_ACCOUNT = RateLimit("vote_limit_per_account", "vote-account", "account")
VOTES_PER_ADDRESS = RateLimit("vote_limit_per_address", "vote-address", "address")
WITHDRAWALS = RateLimit("withdrawal_limit_per_account", "withdrawal", "account")
UPLOADS_PER_ACCOUNT = RateLimit("upload_limit_per_account", "upload-account", "account")
UPLOADS_PER_ADDRESS = RateLimit("upload_limit_per_address", "upload-address", "address")


def upload_limits(member: Member) -> Iterator[tuple[RateLimit, str]]:
    """Yield the rate limits of an upload, each with the account or address that it applies to."""
    yield UPLOADS_PER_ACCOUNT, str(member.id)
    yield UPLOADS_PER_ADDRESS, client_address()
