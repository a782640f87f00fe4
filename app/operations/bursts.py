"""Crowds of new accounts that vote together: what stuffed votes look like, and what a full hall looks like, too.

E-mail addresses are not verified, so an account costs an attacker nothing. What many of them share is the address
they signed up from, or the domain of their mail. Of the address only a keyed digest is kept, and for a week only:
equal ones can be seen, none can be read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

from peewee import fn

from app.db.database import db_now, read_now, transaction
from app.db.models import Audit, User, Vote
from app.operations.audit import record
from app.showcase.errors import BurstNotFound

KEPT_SECONDS = 7 * 86_400.0
"""How long the digest of a sign-up's address is kept, and how far back bursts are looked for."""

CROWD = 10
"""So many accounts are a burst: a family or a team on one address is fewer."""

TOGETHER_SECONDS = 3600.0
"""They signed up within so long of each other."""

EAGER_SECONDS = 600.0
"""And each gave its first vote so soon after its sign-up."""

ACCEPT = "votes.accept"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An account that voted soon after its sign-up; times in epoch seconds."""

    id: UUID
    email: str
    address: str | None
    created_at: float

    @property
    def groups(self) -> Iterator[str]:
        """What it shares with others, as an operator names it."""
        if self.address:
            yield f"address:{self.address[:16]}"
        yield f"domain:{self.email.rpartition('@')[2]}"


@dataclass(slots=True)
class Burst:
    """Accounts that signed up together and voted at once."""

    name: str
    """`address:<digest>` or `domain:<mail domain>`."""
    newcomers: list[Newcomer] = field(default_factory=list)

    @property
    def accounts(self) -> frozenset[UUID]:
        """Whose votes are in question."""
        return frozenset(newcomer.id for newcomer in self.newcomers)


def find_bursts() -> list[Burst]:
    """The bursts of the last week, by name; without accounts from before an operator accepted them."""
    accepted = _accepted()
    groups: dict[str, list[Newcomer]] = {}
    for newcomer in _newcomers():
        for name in newcomer.groups:
            if newcomer.created_at > accepted.get(name, 0.0):
                groups.setdefault(name, []).append(newcomer)
    found = (Burst(name, _together(newcomers)) for name, newcomers in sorted(groups.items()))
    return [burst for burst in found if burst.newcomers and not _is_ordinary_domain(burst)]


def find_burst(name: str) -> Burst:
    """The burst with this name.

    Raises:
        BurstNotFound
    """
    for burst in find_bursts():
        if burst.name == name:
            return burst
    raise BurstNotFound(f"There is no burst {name}; `rising-stars votes bursts` names them.")


def accept(name: str, *, actor: str, reason: str) -> None:
    """Note that the accounts of a burst are people, so that it is named no longer.

    Raises:
        BurstNotFound
    """
    find_burst(name)
    with transaction():
        record(actor, ACCEPT, name, reason)


def forget_addresses() -> int:
    """Delete the digests of addresses that are over a week old; returns how many."""
    old = User.created_at < read_now() - KEPT_SECONDS
    return int(User.update(signup_address=None).where(User.signup_address.is_null(False), old).execute())


def _newcomers() -> Iterator[Newcomer]:
    """Accounts of the last week that voted soon after their sign-up, oldest first."""
    eager = Vote.created_at - User.created_at < EAGER_SECONDS
    rows = (
        User.select(User.id, User.email, User.signup_address, User.created_at)
        .join(Vote)
        .where(User.created_at > db_now() - KEPT_SECONDS, eager, ~User.is_verification)
        .order_by(User.created_at, User.id)
        .distinct()
    )
    for row in cast("Iterable[tuple[UUID, str, str | None, float]]", rows.tuples()):
        yield Newcomer(*row)


def _together(newcomers: list[Newcomer]) -> list[Newcomer]:
    """Those who signed up within an hour of so many others that they are a crowd; newcomers come oldest first."""
    times = [newcomer.created_at for newcomer in newcomers]
    crowd: list[Newcomer] = []
    reached = 0
    for first, time in enumerate(times):
        end = bisect_right(times, time + TOGETHER_SECONDS)
        if end - first >= CROWD:
            crowd += newcomers[max(first, reached) : end]
            reached = end
    return crowd


def _is_ordinary_domain(burst: Burst) -> bool:
    """Whether a mail domain had as many accounts before the burst as in it: a large provider's, not an invented one."""
    kind, _, domain = burst.name.partition(":")
    if kind != "domain":
        return False
    of_domain = fn.SUBSTR(User.email, fn.LENGTH(User.email) - len(domain)) == f"@{domain}"
    before = User.select().where(of_domain, User.created_at < burst.newcomers[0].created_at).count()
    return bool(before >= len(burst.newcomers))


def _accepted() -> dict[str, float]:
    """When each burst that an operator accepted was accepted for the last time."""
    rows = Audit.select(Audit.subject, fn.MAX(Audit.at)).where(Audit.action == ACCEPT).group_by(Audit.subject)
    return dict(cast("Iterable[tuple[str, float]]", rows.tuples()))
