"""/videos: a player's own clips."""

from collections.abc import Iterator
from typing import Any

from bottle import HTTPResponse

from app.api.replies import FILE, OWN_VIDEO, OWN_VIDEOS, UPLOAD_ACCEPTED, VIDEO_DELETED
from app.api.response_schemas import Failure, Notice, OwnVideo, OwnVideoDetail, UploadAccepted, VideoDeleted
from app.api.responses import redirect
from app.api.routing import ApiDependencies, Route
from app.db.database import database
from app.db.models import Video
from app.http.errors import MalformedId, MultipartBroken, ShapeInvalid
from app.http.forms import UPLOAD_SCHEMA, received_upload
from app.http.limits import UPLOADS_PER_ACCOUNT, UPLOADS_PER_ADDRESS, upload_limits
from app.http.requests import read_idempotency_key, read_member, read_upload_start, read_video_id
from app.showcase import videos
from app.showcase.errors import (
    BlankTitle,
    ClipDurationOutOfRange,
    ClipResolutionTooHigh,
    ClipResolutionTooLow,
    ClipTooLarge,
    InvalidClipType,
    NotAllowed,
    QueueFull,
    TitleChangesDirection,
    TitleNotText,
    TitleTooLong,
    VideoAlreadyPublished,
    VideoNotFound,
    VideoNotProcessed,
)
from app.showcase.failures import NOTICES, explain
from app.showcase.sessions import Member
from app.showcase.videos import OwnClip

UNSUITABLE = (
    MultipartBroken,
    ShapeInvalid,
    BlankTitle,
    TitleTooLong,
    TitleNotText,
    TitleChangesDirection,
    ClipTooLarge,
    InvalidClipType,
    ClipDurationOutOfRange,
    ClipResolutionTooLow,
    ClipResolutionTooHigh,
)
"""The errors of a form, a title or a clip that does not meet the requirements."""

NOT_OWN = (NotAllowed, VideoNotFound, MalformedId)
"""The errors of an id that is not the id of one of the player's clips."""


class VideosResource:
    """Upload, list, fetch and delete one's own clips."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route(
            "POST",
            "/api/videos/upload",
            self.upload,
            UPLOAD_ACCEPTED,
            form=UPLOAD_SCHEMA,
            signed_in=True,
            is_idempotent=True,
            limits=(UPLOADS_PER_ACCOUNT, UPLOADS_PER_ADDRESS),
            errors=(*UNSUITABLE, QueueFull),
        )
        yield Route("GET", "/api/videos", self.list_own, OWN_VIDEOS, signed_in=True)
        path = "/api/videos/original/<video_id>"
        yield Route("GET", path, self.original, FILE, signed_in=True, errors=NOT_OWN)
        path = "/api/videos/processed/<video_id>"
        yield Route("GET", path, self.processed, FILE, signed_in=True, errors=(*NOT_OWN, VideoNotProcessed))
        path = "/api/videos/<video_id>"
        yield Route("GET", path, self.show, OWN_VIDEO, signed_in=True, errors=NOT_OWN)
        yield Route(
            "DELETE", path, self.delete, VIDEO_DELETED, signed_in=True, errors=(*NOT_OWN, VideoAlreadyPublished)
        )

    def upload(self) -> UploadAccepted:
        """Accept a clip and queue its render."""
        settings = self._dependencies.settings
        member = read_member(self._dependencies.sessions, at=read_upload_start(settings))
        key = read_idempotency_key()
        self._dependencies.count(*upload_limits(member))
        # Return the connection to the pool: receiving and probing the clip takes seconds.
        database.close()
        with received_upload(settings.work_dir) as form:
            video_id = self._dependencies.uploads.accept(member.id, form.title, form.clip, idempotency_key=key)
        return UploadAccepted(task_id=str(video_id))

    def list_own(self) -> list[OwnVideo]:
        """Return the player's clips, oldest first."""
        return [OwnVideo(**self._serialize_video(video)) for video in videos.list_own(self._member().id)]

    def show(self, video_id: str) -> OwnVideoDetail:
        """Return one clip with the URLs of its files and the progress of its render."""
        video = self._own(video_id)
        url = self._dependencies.store.url
        return OwnVideoDetail(
            **self._serialize_video(video),
            original_url=self._dependencies.store.presign(video.original_key) if video.original_key else None,
            poster_url=url(video.poster_key) if video.poster_key else None,
            progress=videos.progress_of(video.id),
        )

    def original(self, video_id: str) -> HTTPResponse:
        """Redirect to the clip as it was uploaded."""
        return redirect(self._dependencies.store.presign(videos.original_key_of(self._own(video_id))))

    def processed(self, video_id: str) -> HTTPResponse:
        """Redirect to the branded clip."""
        return redirect(self._dependencies.store.presign(videos.result_key_of(self._own(video_id))))

    def delete(self, video_id: str) -> VideoDeleted:
        """Delete a clip that is not yet published."""
        member = self._member()
        found = read_video_id(video_id, VideoNotFound())
        videos.delete_own(member.id, found)
        return VideoDeleted(video_id=str(found))

    def _member(self) -> Member:
        return read_member(self._dependencies.sessions)

    def _own(self, video_id: str) -> Video:
        member = self._member()
        return videos.get_own(member.id, read_video_id(video_id, VideoNotFound()))

    def _serialize_video(self, video: Video | OwnClip) -> dict[str, Any]:
        failed, notice = video.failure_code, video.notice_code
        return {
            "video_id": str(video.id),
            "title": video.title,
            "status": str(video.status),
            "uploaded_at": video.uploaded_at,
            "votes": video.votes,
            "processed_at": video.processed_at,
            "processed_url": self._dependencies.store.url(video.processed_key) if video.processed_key else None,
            "failure": Failure(code=failed, message=explain(failed)) if failed else None,
            "notice": Notice(code=notice, message=NOTICES[notice]) if notice in NOTICES else None,
        }
