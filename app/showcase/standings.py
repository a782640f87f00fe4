"""The standings that the ranking reads: recomputes a player's. Triggers (migration 0008) maintain them otherwise."""

from uuid import UUID

from peewee import JOIN, Expression, ModelSelect, fn

from app.db.database import on_postgresql
from app.db.models import PlayerStanding, User, Video
from app.showcase.visibility import is_public


def lock_videos(which: Expression) -> list[UUID]:
    """Lock the selected videos until the caller's transaction ends. Return their ids in the order of the locks.

    A transaction that changes several videos calls this function first. A change of a video also locks its player's
    standing, so a transaction that locked video, standing, video could deadlock with a vote for the second video.
    """
    query = Video.select(Video.id).where(which).order_by(Video.user, Video.id)
    return [video.id for video in (query.for_update() if on_postgresql() else query)]


def recompute_standing(user_id: UUID) -> None:
    """Recompute a player's standing and the copies of their city, in the caller's transaction.

    Each row is locked before the sum is computed. Otherwise the standing would miss a vote that is committed between
    the sum and the update.
    """
    lock_videos(Video.user == user_id)
    query = User.select().where(User.id == user_id)
    if on_postgresql():
        query = query.for_update("FOR SHARE")  # type: ignore[arg-type] # the stubs know one kind of lock
    user: User = query.get()
    copied = {"city_key": user.city_key, "is_verification": user.is_verification}
    Video.update(**copied).where(Video.user == user_id).execute()
    PlayerStanding.insert(user=user_id, **copied).on_conflict_ignore().execute()
    PlayerStanding.update(**copied).where(PlayerStanding.user == user_id).execute()  # locks the row
    votes, first = (
        Video.select(value).where(Video.user == user_id, is_public())
        for value in (fn.COALESCE(fn.SUM(Video.votes), 0), fn.MIN(Video.uploaded_at))
    )
    PlayerStanding.update(votes=votes, first_uploaded_at=first).where(PlayerStanding.user == user_id).execute()


def players_with_wrong_standings() -> list[UUID]:
    """Return the ids of the players whose standing, or the city of whose clips, does not match their clips."""
    public = (
        Video.select(Video.user, fn.SUM(Video.votes).alias("votes"), fn.MIN(Video.uploaded_at).alias("first"))
        .where(is_public())
        .group_by(Video.user)
    )
    right = public.alias("public")
    wrong: ModelSelect[User] = (
        User.select(User.id)
        .join(PlayerStanding, JOIN.LEFT_OUTER, on=(PlayerStanding.user == User.id))
        .join(right, JOIN.LEFT_OUTER, on=(right.c.user_id == User.id))
        .where(
            _differ(PlayerStanding.votes, right.c.votes, 0)
            | _differ(PlayerStanding.first_uploaded_at, right.c.first, -1)
            | (PlayerStanding.user.is_null(False) & _copy_differs(PlayerStanding))
            | fn.EXISTS(Video.select(Video.id).where(Video.user == User.id, _copy_differs(Video)))
        )
        .order_by(User.id)
    )
    return [user.id for user in wrong]


def _copy_differs(table: type[Video | PlayerStanding]) -> Expression:
    return _differ(table.city_key, User.city_key, "") | (table.is_verification != User.is_verification)


def _differ(one: object, other: object, null: object) -> Expression:
    return fn.COALESCE(one, null) != fn.COALESCE(other, null)
