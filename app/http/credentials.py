"""Checks an e-mail address and a password, within the rate limits."""

from uuid import UUID

from app.http.dependencies import Dependencies
from app.http.limits import LOGINS_PER_ACCOUNT, LOGINS_PER_ACCOUNT_AND_ADDRESS, LOGINS_PER_ADDRESS
from app.http.requests import client_address


def check_credentials(dependencies: Dependencies, email: str, password: str) -> UUID:
    """Return the account with this e-mail address and password.

    Three limits count the attempts, in this order: per address, per account and address together, per account. An
    attempt that one limit rejects does not count against the limits after it. With the default limits, attempts from a
    single address therefore cannot exhaust the limit of an account.

    Raises:
        InvalidCredentials, TooManyRequests
    """
    account_and_address = f"{client_address()} {email}"
    dependencies.count(
        (LOGINS_PER_ADDRESS, client_address()),
        (LOGINS_PER_ACCOUNT_AND_ADDRESS, account_and_address),
        (LOGINS_PER_ACCOUNT, email),
    )
    user_id = dependencies.accounts.check_password(email, password)
    dependencies.forgive(LOGINS_PER_ACCOUNT_AND_ADDRESS, account_and_address)
    return user_id
