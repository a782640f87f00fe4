"""Bursts: many new accounts that vote soon after they sign up, a sign of stuffed votes or of a full sports hall.

E-mail addresses are not verified, so accounts cost an attacker nothing. But accounts created to stuff votes often share
an e-mail domain or the IP address from which they signed up. Only a keyed digest of that address is stored, for a week:
it shows whether two addresses are equal, but does not reveal them.
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
"""How long the digest of a sign-up's address is stored, and how far back to look for bursts."""

CROWD = 10
"""The smallest number of accounts in a burst. A family or a team that shares an address has fewer."""

TOGETHER_SECONDS = 3600.0
"""The accounts of a burst signed up within this time of each other."""

EAGER_SECONDS = 600.0
"""Each account of a burst voted within this time of its sign-up."""

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
        """The names of the bursts to which the account may belong: one for its address, one for its e-mail domain."""
        if self.address:
            yield f"address:{self.address[:16]}"
        yield f"domain:{self.email.rpartition('@')[2]}"


@dataclass(slots=True)
class Burst:
    """Accounts that signed up together and voted soon after."""

    name: str
    """`address:<digest>` or `domain:<mail domain>`."""
    newcomers: list[Newcomer] = field(default_factory=list)

    @property
    def accounts(self) -> frozenset[UUID]:
        """The ids of the accounts."""
        return frozenset(newcomer.id for newcomer in self.newcomers)


def find_bursts() -> list[Burst]:
    """Return the bursts of the last week, sorted by name.

    Once an operator has accepted a burst, a burst of the same name contains only accounts that signed up later.
    """
    accepted = _accepted()
    groups: dict[str, list[Newcomer]] = {}
    for newcomer in _newcomers():
        for name in newcomer.groups:
            if newcomer.created_at > accepted.get(name, 0.0):
                groups.setdefault(name, []).append(newcomer)
    found = (Burst(name, _together(newcomers)) for name, newcomers in sorted(groups.items()))
    return [burst for burst in found if burst.newcomers and not _is_ordinary_domain(burst)]


def find_burst(name: str) -> Burst:
    """Return the burst with this name.

    Raises:
        BurstNotFound
    """
    for burst in find_bursts():
        if burst.name == name:
            return burst
    raise BurstNotFound(f"There is no burst {name}; `rising-stars votes bursts` lists them.")


def accept(name: str, *, actor: str, reason: str) -> None:
    """Record that the accounts of a burst are genuine, so that it is no longer reported.

    Raises:
        BurstNotFound
    """
    find_burst(name)
    with transaction():
        record(actor, ACCEPT, name, reason)


def forget_addresses() -> int:
    """Delete the address digests of accounts that are over a week old. Return the number of deleted digests."""
    old = User.created_at < read_now() - KEPT_SECONDS
    return int(User.update(signup_address=None).where(User.signup_address.is_null(False), old).execute())


def _newcomers() -> Iterator[Newcomer]:
    """Yield the accounts of the last week that voted soon after their sign-up, oldest first."""
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
    """Return the accounts that belong to a group of at least `CROWD` sign-ups within an hour.

    `newcomers` must be sorted by time.
    """
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
    """Whether a burst's e-mail domain seems to be a large provider's.

    It does if at least as many accounts of this domain existed before the burst as belong to the burst.
    """
    kind, _, domain = burst.name.partition(":")
    if kind != "domain":
        return False
    of_domain = fn.SUBSTR(User.email, fn.LENGTH(User.email) - len(domain)) == f"@{domain}"
    before = User.select().where(of_domain, User.created_at < burst.newcomers[0].created_at).count()
    return bool(before >= len(burst.newcomers))


def _accepted() -> dict[str, float]:
    """Return the time at which an operator last accepted each burst, keyed by the burst's name."""
    rows = Audit.select(Audit.subject, fn.MAX(Audit.at)).where(Audit.action == ACCEPT).group_by(Audit.subject)
    return dict(cast("Iterable[tuple[str, float]]", rows.tuples()))
