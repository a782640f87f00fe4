"""The story of the second collection: a player's way through the API, with the refusals that a client should know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNKNOWN = "00000000-0000-4000-8000-000000000000"
PLAYER = "Lucía Herrera"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A request of the story, and the response that it must get.

    Attributes:
        does: what the step shows.
        operation: the request's operationId in the document.
        status: the status of the response.
        fields: the fields of the body that differ from the document's example; None removes a field.
        video_id: the id in the path.
        query: the query parameters.
        headers: the headers.
        without_token: whether the request has no token, although the operation needs one.
        expects: the values in the response, by their paths ("0.votes"). Texts may contain variables.
        saves: the variables to set, each with the path of its value in the response.
        before: a script in `scripts`, which runs before the request.
        after: a script in `scripts`, which runs after the response.
    """

    does: str
    operation: str
    status: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    video_id: str = "{{video_id}}"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    without_token: bool = False
    expects: Mapping[str, Any] = field(default_factory=dict)
    saves: Mapping[str, str] = field(default_factory=dict)
    before: str | None = None
    after: str | None = None


EMAIL = {"email": "{{email}}"}
TITLE = {"title": "Triple desde el logo"}
KEY = {"Idempotency-Key": "{{run}}"}
NOT_SIGNED_IN = {"detail": "Could not validate credentials"}
NOT_FOUND = {"detail": "Video not found or has been deleted"}

STORY = (
    Step(
        does="Sign up",
        operation="auth_sign_up",
        status=201,
        fields=EMAIL | {"city": "{{city}}"},
        expects={"message": "Usuario creado exitosamente.", "email": "{{email}}", "token_type": "bearer"},
        saves={"token": "access_token", "user_id": "id"},
        before="start.js",
    ),
    Step(
        does="Sign up again: the e-mail address is taken",
        operation="auth_sign_up",
        status=400,
        fields=EMAIL,
        expects={"detail": "Email already registered: el email ya se encuentra registrado."},
    ),
    Step(
        does="Sign up with a short password",
        operation="auth_sign_up",
        status=422,
        fields={"email": "other-{{email}}", "password1": "short", "password2": "short"},
        expects={"detail.0.loc.1": "password1", "detail.0.msg": "Password must be at least 8 characters"},
    ),
    Step(
        does="Sign up with two different passwords",
        operation="auth_sign_up",
        status=400,
        fields={"email": "other-{{email}}", "password2": "another password"},
    ),
    Step(
        does="Log in with a wrong password",
        operation="auth_log_in",
        status=401,
        fields=EMAIL | {"password": "a wrong guess"},
        expects={"detail": "Invalid credentials. Email o contraseña incorrectos"},
    ),
    Step(
        does="Log in",
        operation="auth_log_in",
        status=200,
        fields=EMAIL,
        expects={"token_type": "Bearer"},
        saves={"token": "access_token", "refresh_token": "refresh_token"},
    ),
    Step(
        does="Refresh the tokens",
        operation="auth_refresh",
        status=200,
        fields={"refresh_token": "{{refresh_token}}"},
        saves={"token": "access_token", "refresh_token": "refresh_token"},
    ),
    Step(
        does="List the own clips without a token",
        operation="videos_list_own",
        status=401,
        without_token=True,
        expects=NOT_SIGNED_IN,
    ),
    Step(
        does="Upload without a clip",
        operation="videos_upload",
        status=422,
        fields=TITLE | {"video_file": None},
        expects={"detail.0.loc.1": "video_file", "detail.0.msg": "Field required"},
    ),
    Step(
        does="Upload with a blank title",
        operation="videos_upload",
        status=400,
        fields={"title": " "},
        expects={"detail": "El título del video no puede estar vacío"},
    ),
    Step(
        does="Upload a clip",
        operation="videos_upload",
        status=201,
        fields=TITLE,
        headers=KEY,
        expects={"message": "Video subido correctamente. Procesamiento en curso."},
        saves={"video_id": "task_id"},
    ),
    Step(
        does="Upload it again with the same Idempotency-Key: the site keeps one clip",
        operation="videos_upload",
        status=201,
        fields=TITLE,
        headers=KEY,
        expects={"task_id": "{{video_id}}"},
    ),
    Step(does="Wait until the clip is processed", operation="videos_show", status=200, after="wait.js"),
    Step(
        does="List the own clips",
        operation="videos_list_own",
        status=200,
        expects={"0.video_id": "{{video_id}}", "0.status": "processed", "1": None},
    ),
    Step(does="Fetch the branded clip", operation="videos_processed", status=302),
    Step(
        does="Fetch a clip that does not exist",
        operation="videos_processed",
        status=404,
        video_id=UNKNOWN,
        expects={"detail": "Video not found"},
    ),
    Step(does="Delete the published clip", operation="videos_delete", status=400),
    Step(
        does="List the public clips of the city",
        operation="public_list_videos",
        status=200,
        query={"city": "{{city}}"},
        expects={"0.video_id": "{{video_id}}", "0.username": PLAYER, "0.votes": 0},
    ),
    Step(
        does="List more clips than a page may have",
        operation="public_list_videos",
        status=400,
        query={"limit": "101"},
    ),
    Step(does="Show the clip", operation="public_show", status=200, after="etag.js"),
    Step(
        does="Show the clip again: nothing has changed",
        operation="public_show",
        status=304,
        headers={"If-None-Match": "{{etag}}"},
    ),
    Step(
        does="Show a clip that does not exist",
        operation="public_show",
        status=404,
        video_id=UNKNOWN,
        expects=NOT_FOUND,
    ),
    Step(
        does="Vote",
        operation="public_vote",
        status=200,
        expects={"message": "Voto registrado exitosamente."},
    ),
    Step(
        does="Vote again",
        operation="public_vote",
        status=400,
        expects={"detail": "Ya has votado por este video."},
    ),
    Step(
        does="Vote for a clip that does not exist", operation="public_vote", status=404, video_id="1", expects=NOT_FOUND
    ),
    Step(
        does="Vote for something that is no id",
        operation="public_vote",
        status=400,
        video_id="abc",
        expects={"detail": "Invalid video ID format"},
    ),
    Step(does="Vote without a token", operation="public_vote", status=401, without_token=True, expects=NOT_SIGNED_IN),
    Step(
        does="Ask for the status of the vote",
        operation="public_vote_status",
        status=200,
        expects={"video_id": "{{video_id}}", "has_voted": True, "user_id": "{{user_id}}"},
    ),
    Step(
        does="Read the city's ranking",
        operation="public_rankings",
        status=200,
        query={"city": "{{city}}"},
        expects={"0": {"position": 1, "username": PLAYER, "city": "{{city}}", "votes": 1}},
    ),
    Step(
        does="Read a ranking that ends before it begins",
        operation="public_rankings",
        status=400,
        query={"from": "3", "to": "2"},
    ),
    Step(does="Withdraw the vote", operation="public_withdraw", status=200),
    Step(does="Withdraw it again", operation="public_withdraw", status=404),
    Step(
        does="Ask for the status of the vote again",
        operation="public_vote_status",
        status=200,
        expects={"has_voted": False},
    ),
    Step(does="Sign out", operation="auth_log_out", status=204),
    Step(
        does="List the own clips with the ended session's token",
        operation="videos_list_own",
        status=401,
        expects=NOT_SIGNED_IN,
    ),
)
