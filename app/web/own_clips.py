"""/me: a player's own clips, from the queue to the vote."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from bottle import HTTPResponse

from app.http.identity import read_browser_member
from app.http.requests import parse_uuid
from app.showcase import videos
from app.showcase.errors import VideoNotFound
from app.showcase.failures import NOTICES, explain
from app.showcase.videos import OwnClip
from app.showcase.waiting import Wait, find_waits
from app.web.failures import redirect
from app.web.pages import Page, PageDependencies

PENDING = {"uploaded", "processing"}


@dataclass(frozen=True, slots=True)
class Row:
    """A clip of the player's list; `failure` and `notice` are the rules' sentences."""

    clip: OwnClip
    wait: Wait | None
    failure: str | None
    notice: str | None
    video_url: str | None
    poster_url: str | None


class OwnClipPages:
    """The player's own clips."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._dependencies = dependencies

    def pages(self) -> Iterator[Page]:
        """Yield the page, its list as a fragment, and the deletion."""
        yield Page("GET", "/me", self.show)
        yield Page("GET", "/fragments/clips", self.show_list)
        yield Page("POST", "/me/<video_id>/delete", self.delete, form="/me")

    def show(self) -> HTTPResponse:
        """Show the page."""
        return self._render("me.html")

    def show_list(self) -> HTTPResponse:
        """Show the list as of now."""
        return self._render("fragments/clips.html")

    def delete(self, video_id: str) -> HTTPResponse:
        """Delete a clip that is not yet published."""
        member = read_browser_member(self._dependencies.sessions)
        found = parse_uuid(video_id)
        if found is None:
            raise VideoNotFound
        videos.delete_own(member.id, found)
        return redirect("/me")

    def _render(self, template: str) -> HTTPResponse:
        member = read_browser_member(self._dependencies.sessions)
        clips = videos.list_own(member.id)[::-1]
        waits = find_waits([UUID(clip.id) for clip in clips if clip.status in PENDING])
        rows = [self._row(clip, waits.get(UUID(clip.id))) for clip in clips]
        return self._dependencies.renderer.page(template, rows=rows, is_pending=bool(waits))

    def _row(self, clip: OwnClip, wait: Wait | None) -> Row:
        url = self._dependencies.store.url
        return Row(
            clip,
            wait,
            failure=explain(clip.failure_code) if clip.failure_code else None,
            notice=NOTICES.get(clip.notice_code or ""),
            video_url=url(clip.processed_key) if clip.processed_key else None,
            poster_url=url(clip.poster_key) if clip.poster_key else None,
        )
