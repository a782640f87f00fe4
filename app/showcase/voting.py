"""Votes: each account has at most one vote per video, and concurrent requests count it only once."""

from uuid import UUID

from peewee import IntegrityError, fn

from app.db.database import db_now, on_postgresql, transaction
from app.db.models import Video, Vote
from app.showcase.errors import AlreadyVoted, OwnVideo, PublicVideoNotFound, VoteNotFound
from app.showcase.verification import is_of_verification
from app.showcase.visibility import is_counted, is_public


def vote(voter_id: UUID, video_id: UUID, *, allow_self_vote: bool) -> None:
    """Cast a vote: insert the row and increment the counter in one transaction.

    Raises:
        PublicVideoNotFound: there is no such public video.
        OwnVideo: the video is the voter's own, and the league forbids such votes.
        AlreadyVoted: the account has already voted for it.
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
    except IntegrityError as error:  # upkeep has just deleted the clip of a verification account
        raise PublicVideoNotFound from error


def withdraw(voter_id: UUID, video_id: UUID) -> None:
    """Withdraw a vote.

    Raises:
        PublicVideoNotFound: there is no such public video.
        VoteNotFound: the account has no vote that counts. A voided vote is kept, so that it cannot be cast again.
    """
    _votable(video_id)
    with transaction():
        if not Vote.delete().where(Vote.user == voter_id, Vote.video == video_id, is_counted()).execute():
            raise VoteNotFound
        if not _count(video_id, -1):
            raise PublicVideoNotFound


def has_voted(voter_id: UUID, video_id: UUID) -> bool:
    """Whether this account has voted for this video, including a voided vote. False for a video that is not public."""
    return bool(Vote.select().join(Video).where(Vote.user == voter_id, Vote.video == video_id, is_public()).exists())


def count_again(video_id: UUID) -> tuple[int, int]:
    """Set a video's counter to the number of votes that count, in the caller's transaction.

    The video's row is locked before its votes are counted. Otherwise the counter would miss a vote that is committed
    between the count and the update.

    Returns:
        The counter before and after.

    Raises:
        PublicVideoNotFound: there is no such video.
    """
    query = Video.select(Video.votes).where(Video.id == video_id)
    video: Video | None = (query.for_update() if on_postgresql() else query).first()
    if video is None:
        raise PublicVideoNotFound
    given = int(Vote.select(fn.COUNT(Vote.user)).where(Vote.video == video_id, is_counted()).scalar())
    Video.update(votes=given).where(Video.id == video_id).execute()
    return video.votes, given


def _votable(video_id: UUID) -> Video:
    video: Video | None = Video.get_or_none(Video.id == video_id, is_public())
    if video is None:
        raise PublicVideoNotFound
    return video


def _count(video_id: UUID, change: int) -> bool:
    return bool(Video.update(votes=Video.votes + change).where(Video.id == video_id, is_public()).execute())
