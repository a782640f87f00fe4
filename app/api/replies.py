"""The responses of the routes, each with an example that the document shows.

An example is serialized by the same adapter as the responses, so it cannot differ from them in its fields.
"""

from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from app.api.response_schemas import (
    Error,
    Health,
    Message,
    OwnVideo,
    OwnVideoDetail,
    Profile,
    PublicVideo,
    Ready,
    SignedUp,
    TokenPair,
    UploadAccepted,
    VideoDeleted,
    VoteStatus,
)
from app.api.responses import Reply
from app.showcase.rankings import Standing

_ID = "4f0c1de2-6c1a-4b7e-9d55-0d8c9d2f7a31"
_PLAYER = "b3b6f1a0-2f5e-4c8e-8f3a-6a1f6f0f5f11"
_UPLOADED, _PROCESSED = datetime(2026, 11, 30, 12, 0, tzinfo=UTC), datetime(2026, 11, 30, 12, 1, tzinfo=UTC)
_JWT, _OPAQUE = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "Zm9yLXRoaXMtc2Vzc2lvbg"
_FILES = "https://stars-clips.s3.amazonaws.com"
_PROFILE = Profile(
    id=_PLAYER,
    user_id=_PLAYER,
    email="lucia@example.com",
    first_name="Lucía",
    last_name="Herrera",
    city="Bogotá",
    country="Colombia",
    is_active=True,
)
_OWN_VIDEO = OwnVideo(
    video_id=_ID,
    title="Triple desde el logo",
    status="processed",
    uploaded_at=_UPLOADED,
    votes=3,
    processed_at=_PROCESSED,
    processed_url=f"{_FILES}/processed-videos/{_ID}/1.mp4",
)
_OWN_VIDEO_DETAIL = OwnVideoDetail(
    **dict(_OWN_VIDEO),
    original_url=f"{_FILES}/unprocessed-videos/{_ID}.mp4",
    poster_url=f"{_FILES}/posters/{_ID}/1.jpg",
    progress=1.0,
)
_PUBLIC_VIDEO = PublicVideo(
    video_id=_ID,
    title="Triple desde el logo",
    username="Lucía Herrera",
    city="Bogotá",
    votes=3,
    processed_url=f"{_FILES}/processed-videos/{_ID}/1.mp4",
    poster_url=f"{_FILES}/posters/{_ID}/1.jpg",
)

SIGNED_UP = Reply(
    status=201,
    adapter=TypeAdapter(SignedUp),
    example=SignedUp(**dict(_PROFILE), user=_PROFILE, access_token=_JWT, expires_in=900),
)
TOKEN_PAIR = Reply(
    adapter=TypeAdapter(TokenPair),
    example=TokenPair(access_token=_JWT, expires_in=900, refresh_token=_OPAQUE),
)
UPLOAD_ACCEPTED = Reply(status=201, adapter=TypeAdapter(UploadAccepted), example=UploadAccepted(task_id=_ID))
OWN_VIDEOS = Reply(adapter=TypeAdapter(list[OwnVideo]), example=[_OWN_VIDEO])
OWN_VIDEO = Reply(adapter=TypeAdapter(OwnVideoDetail), example=_OWN_VIDEO_DETAIL)
VIDEO_DELETED = Reply(adapter=TypeAdapter(VideoDeleted), example=VideoDeleted(video_id=_ID))
PUBLIC_VIDEO = Reply(adapter=TypeAdapter(PublicVideo), example=_PUBLIC_VIDEO, is_public=True)
PUBLIC_VIDEOS = Reply(
    adapter=TypeAdapter(list[PublicVideo]), example=[_PUBLIC_VIDEO], is_public=True, headers=("Link",)
)
VOTED = Reply(adapter=TypeAdapter(Message), example=Message(message="Voto registrado exitosamente."))
WITHDRAWN = Reply(adapter=TypeAdapter(Message), example=Message(message="Voto retirado exitosamente."))
VOTE_STATUS = Reply(adapter=TypeAdapter(VoteStatus), example=VoteStatus(video_id=_ID, has_voted=True, user_id=_PLAYER))
STANDINGS = Reply(
    adapter=TypeAdapter(list[Standing]), example=[Standing(1, "Lucía Herrera", "Bogotá", 3)], is_public=True
)
HEALTH = Reply(adapter=TypeAdapter(Health), example=Health())
READY = Reply(adapter=TypeAdapter(Ready), example=Ready(status="ready", database="ok", queue="ok", storage="ok"))
NOT_READY = Reply(
    status=503,
    adapter=TypeAdapter(Ready),
    example=Ready(status="not ready", database="down", queue="ok", storage="ok"),
    headers=("Retry-After",),
)
FILE = Reply(status=302, headers=("Location",))
NOTHING = Reply(status=204)
METRICS = Reply(media_type="text/plain")
PAGE = Reply(media_type="text/html", is_public=True)
DOCUMENT = Reply(adapter=TypeAdapter(dict[str, Any]), example={"openapi": "3.1.1"}, is_public=True)
ERROR: TypeAdapter[Error] = TypeAdapter(Error)
