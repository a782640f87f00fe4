"""Votes: each account has at most one vote per video, and concurrent requests count it only once."""

from uuid import UUID

from peewee import DataError, IntegrityError, fn

from app.db.database import POSTGRESQL_NOW, database, db_now, on_postgresql, transaction
from app.db.models import Video, Vote
from app.showcase.errors import AlreadyVoted, OwnVideo, PublicVideoNotFound, VoteNotFound
from app.showcase.visibility import IS_PUBLIC, is_counted, is_public

_COUNT = f"""
, counted AS (
    UPDATE videos SET votes = votes + %(change)s FROM ballot
    WHERE videos.id = ballot.video_id AND {IS_PUBLIC}
    RETURNING videos.id
)
SELECT (SELECT may_vote FROM target), EXISTS (SELECT FROM ballot),
    CASE WHEN EXISTS (SELECT FROM ballot) THEN 1 / (SELECT count(*) FROM counted) END
"""  # noqa: S608 (all values are parameters)
"""The end of `VOTE` and `WITHDRAW`: changes the counter of the clip whose vote the CTE `ballot` inserted or deleted.

If the clip was hidden or deleted in the meantime, no counter changes, and the division by zero rolls the vote back.
"""

_INSERT_VOTE = f"""
WITH target AS (
    SELECT id, %(allow_self_vote)s OR user_id <> %(voter)s OR is_verification AS may_vote
    FROM videos WHERE id = %(video)s AND {IS_PUBLIC}
), ballot AS (
    INSERT INTO votes (user_id, video_id, created_at)
    SELECT %(voter)s::uuid, id, {POSTGRESQL_NOW} FROM target WHERE may_vote
    ON CONFLICT DO NOTHING RETURNING video_id
)"""  # noqa: S608 (all values are parameters)

_DELETE_VOTE = f"""
WITH target AS (
    SELECT id, TRUE AS may_vote FROM videos WHERE id = %(video)s AND {IS_PUBLIC}
), ballot AS (
    DELETE FROM votes USING target
    WHERE votes.user_id = %(voter)s AND votes.video_id = target.id AND votes.voided_at IS NULL
    RETURNING video_id
)"""  # noqa: S608 (all values are parameters)

VOTE, WITHDRAW = _INSERT_VOTE + _COUNT, _DELETE_VOTE + _COUNT


def vote(voter_id: UUID, video_id: UUID, *, allow_self_vote: bool) -> None:
    """Cast a vote: insert the row and increment the counter in one transaction.

    Raises:
        PublicVideoNotFound: there is no such public video.
        OwnVideo: the video is the voter's own, and the league forbids such votes.
        AlreadyVoted: the account has already voted for it.
    """
    try:
        if on_postgresql():
            may_vote, is_new = _change(VOTE, voter_id, video_id, +1, allow_self_vote=allow_self_vote)
        else:
            may_vote, is_new = _vote_in_steps(voter_id, video_id, allow_self_vote=allow_self_vote)
    except IntegrityError as error:  # upkeep has just deleted the clip of a verification account
        raise PublicVideoNotFound from error
    if not may_vote:
        raise OwnVideo
    if not is_new:
        raise AlreadyVoted


def withdraw(voter_id: UUID, video_id: UUID) -> None:
    """Withdraw a vote.

    Raises:
        PublicVideoNotFound: there is no such public video.
        VoteNotFound: the account has no vote that counts. A voided vote is kept, so that it cannot be cast again.
    """
    was_given = (
        _change(WITHDRAW, voter_id, video_id, -1)[1] if on_postgresql() else _withdraw_in_steps(voter_id, video_id)
    )
    if not was_given:
        raise VoteNotFound


def _change(sql: str, voter_id: UUID, video_id: UUID, change: int, **values: object) -> tuple[bool, bool]:
    """Run `VOTE` or `WITHDRAW`, and return whether the account may vote and whether a vote was inserted or deleted.

    One statement is one round trip, and locks the rows of a clip with many voters only while the server executes and
    commits it.
    """
    ids = {"voter": voter_id.hex, "video": video_id.hex}
    try:
        may_vote, is_changed, _ = database.execute_sql(sql, {**ids, "change": change, **values}).fetchone()
    except DataError as error:
        raise PublicVideoNotFound from error
    if may_vote is None:
        raise PublicVideoNotFound
    return may_vote, is_changed


def _vote_in_steps(voter_id: UUID, video_id: UUID, *, allow_self_vote: bool) -> tuple[bool, bool]:
    """Vote on SQLite, which has no statement that changes two tables."""
    video = _votable(video_id)
    if video.user_id == voter_id and not (allow_self_vote or video.is_verification):
        return False, False
    with transaction():
        ballot = Vote.insert(user=voter_id, video=video_id, created_at=db_now())
        is_new = bool(ballot.on_conflict_ignore().as_rowcount().execute())
        if is_new:
            _count(video_id, +1)
    return True, is_new


def _withdraw_in_steps(voter_id: UUID, video_id: UUID) -> bool:
    _votable(video_id)
    with transaction():
        was_given = Vote.delete().where(Vote.user == voter_id, Vote.video == video_id, is_counted()).execute()
        if was_given:
            _count(video_id, -1)
    return bool(was_given)


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


def _count(video_id: UUID, change: int) -> None:
    if not Video.update(votes=Video.votes + change).where(Video.id == video_id, is_public()).execute():
        raise PublicVideoNotFound
