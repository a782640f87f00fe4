"""One account, one vote per video, counted once whatever races."""

from uuid import UUID

from peewee import IntegrityError, fn

from app.db.database import db_now, transaction
from app.db.models import Video, Vote
from app.showcase.audit import record
from app.showcase.errors import AlreadyVoted, OwnVideo, PublicVideoNotFound, VoteNotFound
from app.showcase.verification import is_of_verification


def vote(voter_id: UUID, video_id: UUID, *, allow_self_vote: bool) -> None:
    """Count a vote: the row and the counter move in one transaction.

    Raises:
        PublicVideoNotFound: nothing to vote for.
        OwnVideo: one's own, where the league forbids it.
        AlreadyVoted: the row was there.
    """
    video = _votable(video_id)
    if video.user_id == voter_id and not (allow_self_vote or is_of_verification(video_id)):
        raise OwnVideo
    try:
        with transaction():
            ballot = Vote.insert(user=voter_id, video=video_id, created_at=db_now())
            if not ballot.on_conflict_ignore().as_rowcount().execute():
                raise AlreadyVoted
            if not _count(video_id, +1):
                raise PublicVideoNotFound
    except IntegrityError as error:  # a verification account's clip, swept at this very moment
        raise PublicVideoNotFound from error


def withdraw(voter_id: UUID, video_id: UUID) -> None:
    """Take a vote back.

    Raises:
        PublicVideoNotFound: no such video.
        VoteNotFound: there was none.
    """
    _votable(video_id)
    with transaction():
        if not Vote.delete().where(Vote.user == voter_id, Vote.video == video_id).execute():
            raise VoteNotFound
        if not _count(video_id, -1):
            raise PublicVideoNotFound


def has_voted(voter_id: UUID, video_id: UUID) -> bool:
    """Whether this account's vote for this video counts. False for what is unknown or deleted."""
    counted = Vote.select().join(Video).where(Vote.user == voter_id, Vote.video == video_id, Video.deleted_at.is_null())
    return bool(counted.exists())


def recount(video_id: UUID, *, actor: str) -> tuple[int, int]:
    """Set a video's counter to its rows, and note who had it done.

    Returns:
        The votes shown before and after.

    Raises:
        PublicVideoNotFound: no such video.
    """
    given = Vote.select(fn.COUNT(Vote.user)).where(Vote.video == video_id)
    with transaction():
        video: Video | None = Video.get_or_none(Video.id == video_id)
        if video is None:
            raise PublicVideoNotFound
        Video.update(votes=given).where(Video.id == video_id).execute()
        after = Video.get_by_id(video_id).votes
        record(actor, "videos.recount", str(video_id), f"{video.votes} to {after}")
    return video.votes, after


def _votable(video_id: UUID) -> Video:
    video: Video | None = Video.get_or_none(
        Video.id == video_id, Video.published_at.is_null(False), Video.deleted_at.is_null()
    )
    if video is None:
        raise PublicVideoNotFound
    return video


def _count(video_id: UUID, change: int) -> bool:
    votable = Video.published_at.is_null(False) & Video.deleted_at.is_null()
    return bool(Video.update(votes=Video.votes + change).where(Video.id == video_id, votable).execute())
