"""The operator's use cases for votes: void and restore votes, and recount a video's votes.

A voided vote is kept, but does not count. A restored vote counts again. A recount sets a video's counter to the number
of its votes that count, and a player's standing to the sum of their public clips' counters.
"""

from dataclasses import dataclass
from uuid import UUID

from peewee import Expression, fn

from app.db.database import database, on_postgresql, read_now, transaction
from app.db.models import PlayerStanding, Video, Vote
from app.operations.audit import record
from app.showcase.errors import RuleBroken
from app.showcase.standings import lock_videos, recompute_standing
from app.showcase.visibility import is_counted, is_public
from app.showcase.voting import count_again

JUDGING_LOCK = 0x4A55_4447
"""The number of the advisory lock that serializes void and restore: "JUDG" in ASCII. No other lock has this number."""


@dataclass(frozen=True, slots=True)
class Ballots:
    """A selection of votes: by certain accounts, for certain clips, or both."""

    voters: frozenset[UUID] | None = None
    videos: frozenset[UUID] | None = None

    def condition(self) -> Expression:
        """Return the selection as a condition on `Vote`.

        Raises:
            RuleBroken: the selection is empty and would match every vote of the site.
        """
        conditions = []
        if self.voters is not None:
            conditions.append(Vote.user.in_(list(self.voters)))
        if self.videos is not None:
            conditions.append(Vote.video.in_(list(self.videos)))
        if not conditions:
            raise RuleBroken("Name the accounts, the videos or the burst whose votes to select.")
        return conditions[0] if len(conditions) == 1 else conditions[0] & conditions[1]


def void(ballots: Ballots, *, actor: str, reason: str) -> dict[UUID, int]:
    """Void votes, so that they no longer count. The accounts that cast them cannot vote for these clips again.

    Returns:
        The number of votes that each clip lost.

    Raises:
        RuleBroken: the selection is empty.
    """
    return _judge(ballots.condition() & is_counted(), "votes.void", actor, reason)


def restore(ballots: Ballots, *, actor: str, reason: str) -> dict[UUID, int]:
    """Restore voided votes, so that they count again.

    Returns:
        The number of votes that each clip regained.

    Raises:
        RuleBroken: the selection is empty.
    """
    return _judge(ballots.condition() & ~is_counted(), "votes.restore", actor, reason)


def _judge(which: Expression, action: str, actor: str, reason: str) -> dict[UUID, int]:
    with transaction():
        _take_judging_lock()
        voided_at = read_now() if action == "votes.void" else None
        judged = list(Vote.update(voided_at=voided_at).where(which).returning(Vote.user, Vote.video).execute())
        voters: dict[UUID, list[str]] = {}
        for vote in judged:
            voters.setdefault(vote.video_id, []).append(str(vote.user_id))
        for video_id in lock_videos(Video.id.in_(list(voters))):
            count_again(video_id)
            of = ", ".join(sorted(voters[video_id]))
            record(actor, action, str(video_id), f"{reason} ({len(voters[video_id])} votes, of {of})")
    return {video_id: len(accounts) for video_id, accounts in voters.items()}


def _take_judging_lock() -> None:
    """Serialize void and restore. Otherwise, two of them could lock the same votes in different orders and deadlock."""
    if on_postgresql():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (JUDGING_LOCK,))


def recount(video_id: UUID, *, actor: str) -> tuple[int, int]:
    """Set a video's counter to the number of votes that count, and recompute its player's standing.

    The audit log records the change.

    Returns:
        The counter before and after.

    Raises:
        PublicVideoNotFound: there is no such video.
    """
    player = Video.select(Video.user).where(Video.id == video_id)
    with transaction():
        lock_videos(Video.user == player)
        before, after = count_again(video_id)
        recompute_standing(player.get().user_id)
        record(actor, "videos.recount", str(video_id), f"{before} to {after}")
    return before, after


def recount_player(account: UUID, *, actor: str) -> tuple[int, int]:
    """Recompute a player's standing from the counters of their public clips. The audit log records the change.

    Returns:
        The standing's votes before and after.
    """

    def votes() -> int:
        return int(PlayerStanding.select(PlayerStanding.votes).where(PlayerStanding.user == account).scalar() or 0)

    with transaction():
        before = votes()
        recompute_standing(account)
        after = votes()
        record(actor, "accounts.recount", str(account), f"{before} to {after}")
    return before, after


def count_votes(ballots: Ballots) -> int:
    """Return how many of these votes count."""
    return int(Vote.select(fn.COUNT(Vote.user)).where(ballots.condition(), is_counted()).scalar())


def public_clips_of(accounts: frozenset[UUID]) -> list[UUID]:
    """Return the ids of the public clips of these accounts."""
    return [video.id for video in Video.select(Video.id).where(Video.user.in_(list(accounts)), is_public())]
