"""Schemas of responses, with the field names of the API contract.

Rows of public lists are dataclasses: the schemas serialize them, but do not validate our own data again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _moment(epoch: object) -> object:
    return datetime.fromtimestamp(epoch, UTC) if isinstance(epoch, int | float) else epoch


Timestamp = Annotated[datetime, BeforeValidator(_moment)]
UNLESS_NULL = Field(exclude_if=lambda value: value is None)


class Body(BaseModel):
    """A JSON object in a response. Its schema lists every field that it always has as required."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Profile(Body):
    """An account as its owner sees it."""

    id: str
    user_id: str
    email: str
    first_name: str
    last_name: str
    city: str | None
    country: str | None
    is_active: bool


class SignedUp(Profile):
    """The 201 response to POST /auth/signup."""

    message: Literal["Usuario creado exitosamente."] = "Usuario creado exitosamente."
    user: Profile
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int


class TokenPair(Body):
    """The 200 response to POST /auth/login and /auth/refresh; `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str


class UploadAccepted(Body):
    """The 201 response to POST /videos/upload."""

    message: Literal["Video subido correctamente. Procesamiento en curso."] = (
        "Video subido correctamente. Procesamiento en curso."
    )
    task_id: str


class Failure(Body):
    """Why a clip failed, was rejected or is hidden."""

    code: str
    message: str


class Notice(Body):
    """A remark for the player about a processed clip."""

    code: str
    message: str


class OwnVideo(Body):
    """A clip in its player's list; the last four fields are omitted while null."""

    video_id: str
    title: str
    status: str
    uploaded_at: Timestamp
    votes: int
    processed_at: Annotated[Timestamp | None, UNLESS_NULL] = None
    processed_url: Annotated[str | None, UNLESS_NULL] = None
    failure: Annotated[Failure | None, UNLESS_NULL] = None
    notice: Annotated[Notice | None, UNLESS_NULL] = None


class OwnVideoDetail(OwnVideo):
    """The response to GET /videos/{id}; a URL is null while its file does not exist or the clip is hidden."""

    original_url: str | None
    processed_url: str | None
    poster_url: str | None
    progress: float


class VideoDeleted(Body):
    """The 200 response to DELETE /videos/{id}."""

    message: Literal["El video ha sido eliminado exitosamente."] = "El video ha sido eliminado exitosamente."
    video_id: str


@dataclass(slots=True)
class PublicVideo:
    """A clip as the public sees it."""

    video_id: str
    title: str
    username: str
    city: str | None
    votes: int
    processed_url: str | None
    poster_url: str | None


class Message(Body):
    """A success message."""

    message: str


class VoteStatus(Body):
    """The 200 response to GET /public/videos/{id}/vote-status."""

    video_id: str
    has_voted: bool
    user_id: str


class Health(Body):
    """The 200 response to GET /health."""

    status: Literal["healthy"] = "healthy"


class Ready(Body):
    """The response to GET /ready: each dependency is `ok` or `down`."""

    status: Literal["ready", "not ready", "draining"]
    database: str
    queue: str
    storage: str


class ErrorItem(Body):
    """What is wrong with one field: where it is (`loc`), a message, and pydantic's type of error."""

    loc: list[str | int]
    msg: str
    type: str


class Error(Body):
    """The body of every error."""

    detail: str | list[ErrorItem]
