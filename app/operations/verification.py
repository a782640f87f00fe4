"""Deletes old verification accounts (`app.showcase.verification`) with everything that refers to them."""

from uuid import UUID

import structlog
from peewee import IntegrityError

from app.db.database import read_now, transaction
from app.db.models import IdempotencyKey, Job, JobState, RefreshToken, Session, User, Video, Vote
from app.showcase.standings import lock_videos

log = structlog.get_logger(__name__)

LIFE_SECONDS = 3600.0


def sweep_verification_accounts() -> int:
    """Delete the verification accounts that are over an hour old, and everything that refers to them.

    An account with a running render, or with a concurrent request, is left to the next sweep. The objects of deleted
    accounts become unreferenced, and a later sweep deletes them.

    Returns:
        The number of deleted accounts.
    """
    born_before = read_now() - LIFE_SECONDS
    old = User.select(User.id).where(User.is_verification, User.created_at < born_before).order_by(User.id)
    return sum(_delete(user.id) for user in list(old))


def _delete(user_id: UUID) -> bool:
    try:
        with transaction():
            _delete_rows(user_id)
    except (_StillAtWork, IntegrityError) as error:
        log.info("verification_account_kept", user=str(user_id), reason=type(error).__name__)
        return False
    return True


class _StillAtWork(Exception):
    """A worker is rendering a clip of this account, so the transaction must roll back."""


def _delete_rows(user_id: UUID) -> None:
    """Delete one account's rows: first jobs, then votes, videos and the user.

    All transactions lock rows in this order, to avoid deadlocks.
    """
    own_videos = Video.select(Video.id).where(Video.user == user_id)
    Job.delete().where(Job.video.in_(own_videos), Job.state != JobState.RUNNING).execute()
    if Job.select().where(Job.video.in_(own_videos)).exists():
        raise _StillAtWork
    _withdraw_votes(user_id)
    Vote.delete().where(Vote.video.in_(own_videos)).execute()
    Video.delete().where(Video.user == user_id).execute()
    sessions = Session.select(Session.id).where(Session.user == user_id)
    RefreshToken.delete().where(RefreshToken.session.in_(sessions)).execute()
    Session.delete().where(Session.user == user_id).execute()
    of_uploads = IdempotencyKey.scope == f"upload:{user_id}"
    IdempotencyKey.delete().where(of_uploads | (IdempotencyKey.resource_id == user_id)).execute()
    User.delete().where(User.id == user_id, User.is_verification).execute()


def _withdraw_votes(user_id: UUID) -> None:
    """Delete the account's votes and decrement the counters of their videos."""
    given = list(Vote.delete().where(Vote.user == user_id).returning(Vote.video, Vote.voided_at).execute())
    counted = [vote.video_id for vote in given if vote.voided_at is None]
    for video_id in lock_videos(Video.id.in_(counted)):
        Video.update(votes=Video.votes - 1).where(Video.id == video_id).execute()
