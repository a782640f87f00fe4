"""/videos: a player's own clips."""

from collections.abc import Iterator
from typing import Any

from bottle import HTTPResponse

from app.api.admission import upload_limits
from app.api.forms import received_upload
from app.api.requests import read_idempotency_key, read_member, read_upload_start, read_video_id
from app.api.response_schemas import OWN_VIDEOS, Failure, Notice, OwnVideo, OwnVideoDetail, UploadAccepted, VideoDeleted
from app.api.responses import answer, json_answer, redirect
from app.api.routing import ApiDependencies, Route
from app.db.database import database
from app.db.models import Video
from app.showcase import videos
from app.showcase.errors import VideoNotFound
from app.showcase.failures import NOTICES, explain
from app.showcase.sessions import Member
from app.showcase.videos import OwnClip


class VideosResource:
    """Upload, list, fetch and delete one's own clips."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("POST", "/api/videos/upload", self.upload)
        yield Route("GET", "/api/videos", self.list_own)
        yield Route("GET", "/api/videos/original/<video_id>", self.original)
        yield Route("GET", "/api/videos/processed/<video_id>", self.processed)
        yield Route("GET", "/api/videos/<video_id>", self.show)
        yield Route("DELETE", "/api/videos/<video_id>", self.delete)

    def upload(self) -> HTTPResponse:
        """Accept a clip and queue its render."""
        settings = self._dependencies.settings
        member = read_member(self._dependencies.sessions, at=read_upload_start(settings))
        key = read_idempotency_key()
        for limit, purpose, who in upload_limits(settings, member):
            self._dependencies.throttle.hit(limit, purpose, who)
        # Return the connection to the pool: receiving and probing the clip takes seconds.
        database.close()
        with received_upload(settings.work_dir) as form:
            video_id = self._dependencies.uploads.accept(member.id, form.title, form.clip, idempotency_key=key)
        return answer(UploadAccepted(task_id=str(video_id)), status=201)

    def list_own(self) -> HTTPResponse:
        """Return the player's clips, oldest first."""
        own = [OwnVideo(**self._serialize_video(video)) for video in videos.list_own(self._member().id)]
        return json_answer(OWN_VIDEOS.dump_json(own))

    def show(self, video_id: str) -> HTTPResponse:
        """Return one clip with the URLs of its files and the progress of its render."""
        video = self._own(video_id)
        url = self._dependencies.store.url
        detail = OwnVideoDetail(
            **self._serialize_video(video),
            original_url=self._dependencies.store.presign(video.original_key) if video.original_key else None,
            poster_url=url(video.poster_key) if video.poster_key else None,
            progress=videos.progress_of(video.id),
        )
        return answer(detail)

    def original(self, video_id: str) -> HTTPResponse:
        """Redirect to the clip as it was uploaded."""
        return redirect(self._dependencies.store.presign(videos.original_key_of(self._own(video_id))))

    def processed(self, video_id: str) -> HTTPResponse:
        """Redirect to the branded clip."""
        return redirect(self._dependencies.store.presign(videos.result_key_of(self._own(video_id))))

    def delete(self, video_id: str) -> HTTPResponse:
        """Delete a clip that is not yet published."""
        member = self._member()
        found = read_video_id(video_id, VideoNotFound())
        videos.delete_own(member.id, found)
        return answer(VideoDeleted(video_id=str(found)))

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
