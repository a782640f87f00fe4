"""/v/<id>: one clip with its player, the vote, and addresses for sharing that never expire."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import segno
from bottle import HTTPResponse
from markupsafe import Markup

from app.http.identity import find_browser_member, is_fragment, read_browser_member
from app.http.limits import VOTES_PER_ACCOUNT, VOTES_PER_ADDRESS, WITHDRAWALS
from app.http.requests import client_address, parse_uuid
from app.showcase import voting
from app.showcase.catalogue import PublicClip, get_public
from app.showcase.errors import AlreadyVoted, PublicVideoNotFound, VoteNotFound
from app.web.failures import redirect
from app.web.pages import Page, PageDependencies


class VideoPages:
    """The pages of one clip."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._dependencies = dependencies

    def pages(self) -> Iterator[Page]:
        """Yield the pages, the redirects to the files, the vote, and the fragment with the visitor's own vote."""
        path, form = "/v/<video_id>", "/v/{video_id}"
        yield Page("GET", path, self.show)
        yield Page("GET", f"{path}/video", self.video)
        yield Page("GET", f"{path}/poster.jpg", self.poster)
        yield Page("GET", f"{path}/ballot", self.show_ballot)
        yield Page("POST", f"{path}/vote", self.vote, form=form)
        yield Page("POST", f"{path}/withdraw", self.withdraw, form=form)

    def show(self, video_id: str) -> HTTPResponse:
        """Show the clip."""
        clip = get_public(_clip_id(video_id))
        site_url = self._dependencies.settings.site_url
        address = f"{site_url}/v/{clip.id}" if site_url else None
        return self._dependencies.renderer.public_page(
            "video.html", clip=clip, address=address, code=_qr_code(address) if address else None
        )

    def video(self, video_id: str) -> HTTPResponse:
        """Redirect to the branded clip. Shared links to this address do not expire, unlike those to the store."""
        return self._file(get_public(_clip_id(video_id)).processed_key)

    def poster(self, video_id: str) -> HTTPResponse:
        """Redirect to the poster."""
        return self._file(get_public(_clip_id(video_id)).poster_key)

    def _file(self, key: str | None) -> HTTPResponse:
        if key is None:
            raise PublicVideoNotFound
        return HTTPResponse(b"", 302, {"Location": self._dependencies.store.url(key), "Cache-Control": "no-store"})

    def show_ballot(self, video_id: str) -> HTTPResponse:
        """Show the number of votes and the visitor's own vote."""
        return self._ballot(get_public(_clip_id(video_id)))

    def vote(self, video_id: str) -> HTTPResponse:
        """Cast a vote. A second press of the button finds the vote already cast, which is what the visitor wanted."""
        member, target = read_browser_member(self._dependencies.sessions), _clip_id(video_id)
        self._dependencies.count((VOTES_PER_ACCOUNT, str(member.id)), (VOTES_PER_ADDRESS, client_address()))
        with suppress(AlreadyVoted):
            voting.vote(member.id, target, allow_self_vote=self._dependencies.settings.allow_self_vote)
        return self._after_ballot(target)

    def withdraw(self, video_id: str) -> HTTPResponse:
        """Withdraw a vote. A second press finds no vote, which is what the visitor wanted."""
        member, target = read_browser_member(self._dependencies.sessions), _clip_id(video_id)
        self._dependencies.count((WITHDRAWALS, str(member.id)))
        with suppress(VoteNotFound):
            voting.withdraw(member.id, target)
        return self._after_ballot(target)

    def _after_ballot(self, target: UUID) -> HTTPResponse:
        return self._ballot(get_public(target)) if is_fragment() else redirect(f"/v/{target}#ballot")

    def _ballot(self, clip: PublicClip) -> HTTPResponse:
        member = find_browser_member(self._dependencies.sessions)
        has_voted = voting.has_voted(member.id, UUID(clip.id)) if member else False
        return self._dependencies.renderer.page(
            "fragments/ballot.html", clip=clip, is_known=True, is_signed_in=member is not None, has_voted=has_voted
        )


def _clip_id(text: str) -> UUID:
    found = parse_uuid(text)
    if found is None:
        raise PublicVideoNotFound
    return found


def _qr_code(address: str) -> Markup:
    """Return a QR code as SVG. Its colours are those of the page's style sheet."""
    drawn = segno.make(address, error="m").svg_inline(border=0, svgclass="qr", lineclass=None, omitsize=True)
    return Markup(drawn)  # noqa: S704 (segno draws only paths)
