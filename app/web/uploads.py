"""/me/upload: the form for a clip. A script adds progress and resumption; the form works without it."""

from collections.abc import Iterator
from uuid import uuid4

from bottle import HTTPResponse, request

from app.config import MAX_CLIP_BYTES
from app.db.database import database
from app.http.errors import ApiError, MultipartBroken, ShapeInvalid
from app.http.forms import UploadForm, received_upload
from app.http.identity import is_fragment, read_browser_member
from app.http.limits import upload_limits
from app.http.requests import IDEMPOTENCY_KEY, read_upload_start
from app.showcase.errors import Busy, IdempotencyKeyReused, RuleBroken
from app.showcase.requirements import MAX_SECONDS, MAX_TITLE, MIN_LONG_SIDE, MIN_SECONDS, MIN_SHORT_SIDE
from app.showcase.sessions import Member
from app.web.failures import redirect, sentence_for
from app.web.pages import Page, PageDependencies

REQUIREMENTS = {
    "max_bytes": MAX_CLIP_BYTES,
    "min_seconds": MIN_SECONDS,
    "max_seconds": MAX_SECONDS,
    "min_short": MIN_SHORT_SIDE,
    "min_long": MIN_LONG_SIDE,
    "max_title": MAX_TITLE,
}
"""What the script checks before it sends a byte, if the browser can read the clip. The server decides in any case."""

REFUSED = (RuleBroken, Busy, IdempotencyKeyReused, MultipartBroken, ShapeInvalid)


class UploadPages:
    """The upload of a clip."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._dependencies = dependencies

    def pages(self) -> Iterator[Page]:
        """Yield the form and its target."""
        yield Page("GET", "/me/upload", self.show)
        yield Page("POST", "/me/upload", self.upload, form="/me/upload")

    def show(self) -> HTTPResponse:
        """Show the form. Its key makes a repeated upload the same upload."""
        read_browser_member(self._dependencies.sessions)
        return self._page(str(uuid4()))

    def upload(self) -> HTTPResponse:
        """Accept a clip and queue its render."""
        began = read_upload_start(self._dependencies.settings)
        member = read_browser_member(self._dependencies.sessions, at=began)
        self._dependencies.count(*upload_limits(member))
        # Return the connection to the pool: receiving and probing the clip takes seconds.
        database.close()
        title = ""
        try:
            with received_upload(self._dependencies.settings.work_dir) as form:
                title = form.title
                self._accept(member, form)
        except REFUSED as error:
            if is_fragment():
                raise
            return self._page(str(uuid4()), title=title, problem=_sentence(error))
        return HTTPResponse(b"", 201, {"Location": "/me"}) if is_fragment() else redirect("/me")

    def _accept(self, member: Member, form: UploadForm) -> None:
        key = request.query.get("key", "")
        self._dependencies.uploads.accept(
            member.id, form.title, form.clip, idempotency_key=key if IDEMPOTENCY_KEY.fullmatch(key) else None
        )

    def _page(self, key: str, *, title: str = "", problem: str | None = None) -> HTTPResponse:
        return self._dependencies.renderer.page(
            "upload.html",
            status=400 if problem else 200,
            # The script lets the browser read length and size of the picture from the chosen file.
            more_media="blob:",
            key=key,
            title=title,
            problem=problem,
            requirements=REQUIREMENTS,
        )


def _sentence(error: ApiError | RuleBroken | Busy | IdempotencyKeyReused) -> str:
    return sentence_for(0, error.detail if isinstance(error, ApiError) else error.text)
