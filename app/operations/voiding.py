"""An operator's judgement on votes: void ones stay where they are and do not count; restored ones count again.

An operator who doubts a counter has it set to the votes that count.
"""

from dataclasses import dataclass
from uuid import UUID

from peewee import Expression, fn

from app.db.database import database, on_postgresql, read_now, transaction
from app.db.models import Video, Vote
from app.operations.audit import record
from app.showcase.errors import RuleBroken
from app.showcase.visibility import is_counted, is_public
from app.showcase.voting import count_again

JUDGING_LOCK = 0x4A55_4447
"""Any constant that nothing else in this database uses ("JUDG")."""


@dataclass(frozen=True, slots=True)
class Ballots:
    """Votes of certain accounts, for certain clips, or (both named) of those accounts for those clips."""

    voters: frozenset[UUID] | None = None
    videos: frozenset[UUID] | None = None

    def condition(self) -> Expression:
        """As a condition on `Vote`.

        Raises:
            RuleBroken: it would be every vote of the site.
        """
        parts = []
        if self.voters is not None:
            parts.append(Vote.user.in_(list(self.voters)))
        if self.videos is not None:
            parts.append(Vote.video.in_(list(self.videos)))
        if not parts:
            raise RuleBroken("Name the accounts, the videos or the burst whose votes are meant.")
        return parts[0] if len(parts) == 1 else parts[0] & parts[1]


def void(ballots: Ballots, *, actor: str, reason: str) -> dict[UUID, int]:
    """Let votes count no longer. Their accounts cannot vote for these clips again.

    Returns:
        How many votes each clip lost.

    Raises:
        RuleBroken: nothing narrows the votes down.
    """
    return _judge(ballots.condition() & is_counted(), "votes.void", actor, reason)


def restore(ballots: Ballots, *, actor: str, reason: str) -> dict[UUID, int]:
    """Let void votes count again.

    Returns:
        How many votes each clip got back.

    Raises:
        RuleBroken: nothing narrows the votes down.
    """
    return _judge(ballots.condition() & ~is_counted(), "votes.restore", actor, reason)


def _judge(which: Expression, action: str, actor: str, reason: str) -> dict[UUID, int]:
    with transaction():
        _wait_for_other_judges()
        voided_at = read_now() if action == "votes.void" else None
        judged = list(Vote.update(voided_at=voided_at).where(which).returning(Vote.user, Vote.video).execute())
        voters: dict[UUID, list[str]] = {}
        for vote in judged:
            voters.setdefault(vote.video_id, []).append(str(vote.user_id))
        for video_id in sorted(voters):
            count_again(video_id)
            of = ", ".join(sorted(voters[video_id]))
            record(actor, action, str(video_id), f"{reason} ({len(voters[video_id])} votes, of {of})")
    return {video_id: len(accounts) for video_id, accounts in voters.items()}


def _wait_for_other_judges() -> None:
    """Let one judgement be made at a time: two over the same votes would take their rows in different orders."""
    if on_postgresql():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (JUDGING_LOCK,))


def recount(video_id: UUID, *, actor: str) -> tuple[int, int]:
    """Set a video's counter to the votes that count, and note who had it done.

    Returns:
        The votes shown before and after.

    Raises:
        PublicVideoNotFound: no such video.
    """
    with transaction():
        before, after = count_again(video_id)
        record(actor, "videos.recount", str(video_id), f"{before} to {after}")
    return before, after


def count_votes(ballots: Ballots) -> int:
    """How many of these votes count."""
    return int(Vote.select(fn.COUNT(Vote.user)).where(ballots.condition(), is_counted()).scalar())


def public_clips_of(accounts: frozenset[UUID]) -> list[UUID]:
    """The clips of these accounts that the public sees."""
    return [video.id for video in Video.select(Video.id).where(Video.user.in_(list(accounts)), is_public())]
