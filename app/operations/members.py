"""The operator's use cases for accounts: find, suspend, reinstate, end sessions."""

from collections.abc import Collection, Iterable
from uuid import UUID

from peewee import Expression

from app.db.database import db_now, transaction
from app.db.models import Session, User
from app.operations.audit import record
from app.showcase.errors import AccountNotFound


def find_account(name: str) -> UUID:
    """Return the id of the account with this id or e-mail address.

    Raises:
        AccountNotFound
    """
    try:
        known = User.id == UUID(name)
    except ValueError:
        known = User.email == name.strip().lower()
    user: User | None = User.get_or_none(known)
    if user is None:
        raise AccountNotFound(f"There is no account {name}.")
    return UUID(str(user.id))


def suspend(accounts: Iterable[UUID], *, actor: str, reason: str) -> list[UUID]:
    """Suspend accounts: they cannot sign in, and their sessions end at once. Their clips and votes are unchanged.

    Returns:
        The accounts that were active before.
    """
    with transaction():
        return [account for account in sorted(accounts) if _suspend(account, actor, reason)]


def _suspend(account: UUID, actor: str, reason: str) -> bool:
    # Deactivate the account before ending its sessions, so that no session remains open. A concurrent sign-in either
    # locks the account's row first, and its new session is ended here, or finds the account inactive.
    if not User.update(is_active=False).where(User.id == account, User.is_active).execute():
        return False
    _end(Session.user == account)
    record(actor, "accounts.suspend", str(account), reason)
    return True


def reinstate(accounts: Iterable[UUID], *, actor: str, reason: str) -> list[UUID]:
    """Let suspended accounts sign in again. Their ended sessions are not reopened.

    Returns:
        The accounts that were suspended before.
    """
    with transaction():
        return [account for account in sorted(accounts) if _reinstate(account, actor, reason)]


def _reinstate(account: UUID, actor: str, reason: str) -> bool:
    if not User.update(is_active=True).where(User.id == account, ~User.is_active).execute():
        return False
    record(actor, "accounts.reinstate", str(account), reason)
    return True


def end_sessions(accounts: Collection[UUID] | None, *, actor: str, reason: str) -> int:
    """End the sessions of some accounts, or of all accounts (None). The tokens become invalid at once.

    Returns:
        The number of sessions that were open.
    """
    with transaction():
        ended = _end(Session.id.is_null(False) if accounts is None else Session.user.in_(list(accounts)))
        for subject in ["all"] if accounts is None else sorted(map(str, accounts)):
            record(actor, "sessions.end", subject, reason)
    return ended


def _end(which: Expression) -> int:
    return int(Session.update(ended_at=db_now()).where(which, Session.ended_at.is_null()).execute())
