"""/public: published clips, votes and the ranking."""

from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import UUID

from bottle import request

from app.api.replies import PUBLIC_VIDEO, PUBLIC_VIDEOS, STANDINGS, VOTE_STATUS, VOTED, WITHDRAWN
from app.api.response_schemas import Message, PublicVideo, VoteStatus
from app.api.responses import WithHeaders
from app.api.routing import ApiDependencies, Route
from app.http.errors import InvalidVideoId, MalformedId
from app.http.limits import VOTES_PER_ACCOUNT, VOTES_PER_ADDRESS, WITHDRAWALS
from app.http.request_schemas import PublicVideosQuery, RankingQuery
from app.http.requests import client_address, parse_uuid, read_member, read_video_id
from app.showcase import voting
from app.showcase.catalogue import PublicClip, get_public, list_public
from app.showcase.errors import AlreadyVoted, OwnVideo, PublicVideoNotFound, UnknownCursor, VoteNotFound
from app.showcase.rankings import Standing, rank
from app.showcase.sessions import Member

VIDEOS = "/api/public/videos"


class PublicResource:
    """The routes for the public, which need no account, and those for votes, which need one."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("GET", VIDEOS, self.list_videos, PUBLIC_VIDEOS, query=PublicVideosQuery, errors=(UnknownCursor,))
        yield Route("GET", f"{VIDEOS}/<video_id>", self.show, PUBLIC_VIDEO, errors=(PublicVideoNotFound, MalformedId))
        yield Route(
            "POST",
            f"{VIDEOS}/<video_id>/vote",
            self.vote,
            VOTED,
            signed_in=True,
            limits=(VOTES_PER_ACCOUNT, VOTES_PER_ADDRESS),
            errors=(AlreadyVoted, OwnVideo, InvalidVideoId, PublicVideoNotFound),
        )
        yield Route(
            "DELETE",
            f"{VIDEOS}/<video_id>/vote",
            self.withdraw,
            WITHDRAWN,
            signed_in=True,
            limits=(WITHDRAWALS,),
            errors=(VoteNotFound, PublicVideoNotFound, MalformedId),
        )
        yield Route(
            "GET",
            f"{VIDEOS}/<video_id>/vote-status",
            self.vote_status,
            VOTE_STATUS,
            signed_in=True,
            errors=(InvalidVideoId,),
        )
        yield Route("GET", "/api/public/rankings", self.rankings, STANDINGS, query=RankingQuery)

    def list_videos(self, query: PublicVideosQuery) -> WithHeaders:
        """Return a page of published clips; the Link header points to the next page."""
        page = list_public(
            city=query.city, order=query.order, limit=query.limit, offset=query.offset, cursor=query.cursor
        )
        videos = [self._serialize_video(video) for video in page.videos]
        return WithHeaders(videos, _link_to_next(query, page.next_cursor))

    def show(self, video_id: str) -> PublicVideo:
        """Return one published clip."""
        return self._serialize_video(get_public(_public_id(video_id)))

    def vote(self, video_id: str) -> Message:
        """Cast a vote."""
        member = self._member()
        target = _votable_id(video_id)
        self._dependencies.count((VOTES_PER_ACCOUNT, str(member.id)), (VOTES_PER_ADDRESS, client_address()))
        voting.vote(member.id, target, allow_self_vote=self._dependencies.settings.allow_self_vote)
        return Message(message="Voto registrado exitosamente.")

    def withdraw(self, video_id: str) -> Message:
        """Withdraw a vote."""
        member = self._member()
        target = _public_id(video_id)
        self._dependencies.count((WITHDRAWALS, str(member.id)))
        voting.withdraw(member.id, target)
        return Message(message="Voto retirado exitosamente.")

    def vote_status(self, video_id: str) -> VoteStatus:
        """Return whether the account has voted for a video; false when there is no such public video."""
        member = self._member()
        target = parse_uuid(video_id)
        if target is None and not _is_number(video_id):
            raise InvalidVideoId
        voted = target is not None and voting.has_voted(member.id, target)
        shown_id = str(target) if target else video_id
        return VoteStatus(video_id=shown_id, has_voted=voted, user_id=str(member.id))

    def rankings(self, query: RankingQuery) -> list[Standing]:
        """Return the ranking of one city, or of all cities."""
        limit, offset = query.rows
        return rank(city=query.city, limit=limit, offset=offset)

    def _member(self) -> Member:
        return read_member(self._dependencies.sessions)

    def _serialize_video(self, video: PublicClip) -> PublicVideo:
        url = self._dependencies.store.url
        return PublicVideo(
            video_id=video.id,
            title=video.title,
            username=video.username,
            city=video.city,
            votes=video.votes,
            processed_url=url(video.processed_key) if video.processed_key else None,
            poster_url=url(video.poster_key) if video.poster_key else None,
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _public_id(text: str) -> UUID:
    return read_video_id(text, PublicVideoNotFound())


def _votable_id(text: str) -> UUID:
    """Return the id of a video to vote for.

    Raises:
        PublicVideoNotFound: the text is a number, which is never a video's id.
        InvalidVideoId: the text is neither a number nor a UUID.
    """
    found = parse_uuid(text)
    if found is None:
        raise PublicVideoNotFound if _is_number(text) else InvalidVideoId
    return found


def _link_to_next(query: PublicVideosQuery, cursor: str | None) -> dict[str, str]:
    if cursor is None:
        return {}
    asked = {"limit": query.limit, "order": query.order.value, "cursor": cursor}
    if query.city:
        asked["city"] = query.city
    return {"Link": f'<{request.script_name.rstrip("/")}{VIDEOS}?{urlencode(asked)}>; rel="next"'}
