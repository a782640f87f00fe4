"""Importing the clips of an old folder into the store and the database.

A clip is known by its content, noted in the transaction that makes its video: an import that was broken off goes on
where it stopped, and one that is run again imports nothing twice.
"""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from app.config import Settings
from app.db.database import db_now, transaction
from app.db.models import User, Video, VideoStatus
from app.files import sha256_of
from app.media.errors import MediaInfoMissing, ProbeKilled, UnreadableClip
from app.media.probe import probe
from app.operations.archive import ArchivedClip
from app.operations.audit import record
from app.showcase.errors import NotFound, RuleBroken, ShowcaseError
from app.showcase.idempotency import find_answered, remember
from app.showcase.ledger.outbox import enqueue
from app.showcase.requirements import MAX_TITLE, check_title
from app.showcase.texts import clean
from app.storage.errors import StorageUnavailable
from app.storage.keys import original_key, result_key
from app.storage.s3 import S3Store

SCOPE = "import"
"""Of the idempotency keys; they are kept, so that an import can be run again after any time."""

ARCHIVE_EMAIL = "archive@rising-stars.invalid"
NO_PASSWORD = "!"  # noqa: S105
"""No hash: nobody can sign in with it."""


class ImportStopped(ShowcaseError):
    """This machine or the store failed, not a clip. What was imported before stays."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one clip: `imported`, `present` (from an earlier run) or `refused`, and why."""

    clip: ArchivedClip
    outcome: str
    detail: str


def find_owner(email: str | None) -> UUID:
    """The account that imported clips belong to; without an e-mail, an inactive account made for them.

    Raises:
        NotFound: nobody signed up with this e-mail.
    """
    if email is not None:
        user: User | None = User.get_or_none(User.email == email.strip().lower())
        if user is None:
            raise NotFound(f"Nobody signed up with {email}; sign the owner up first, or leave --owner out.")
        return UUID(str(user.id))
    User.insert(
        id=uuid4(),
        email=ARCHIVE_EMAIL,
        password_hash=NO_PASSWORD,
        first_name="Rising",
        last_name="Stars",
        is_active=False,
        created_at=db_now(),
    ).on_conflict_ignore().execute()
    return UUID(str(User.get(User.email == ARCHIVE_EMAIL).id))


class Importer:
    """Imports clips one by one; each is all there or not there at all."""

    def __init__(self, store: S3Store, settings: Settings, *, owner_id: UUID, actor: str) -> None:
        self._store = store
        self._settings = settings
        self._owner_id = owner_id
        self._actor = actor

    def bring_in(self, clip: ArchivedClip) -> Imported:
        """Import one clip. A clip with a result is published (unless in review); one without is rendered.

        Raises:
            ImportStopped: no clip can be imported now.
        """
        try:
            return self._import(clip)
        except (MediaInfoMissing, ProbeKilled, StorageUnavailable) as error:
            reason = str(error).splitlines()[-1].rstrip(".")
            raise ImportStopped(f"The import stopped at {clip.name}: {reason}. Mend this and run it again.") from error

    def _import(self, clip: ArchivedClip) -> Imported:
        content = sha256_of(clip.files[0])
        earlier = find_answered(SCOPE, content, content)
        if earlier is not None:
            return Imported(clip, "present", str(earlier))
        try:
            title = check_title(clean(clip.name)[:MAX_TITLE])
            for path in clip.files:
                probe(path)
        except (RuleBroken, UnreadableClip) as error:
            return Imported(clip, "refused", str(error))
        video_id = _id_from_name(clip.name)
        self._move(clip, video_id, title, content)
        return Imported(clip, "imported", str(video_id))

    def _move(self, clip: ArchivedClip, video_id: UUID, title: str, content: str) -> None:
        columns: dict[str, object] = {}
        if clip.original is not None:
            columns |= self._move_original(clip.original, video_id)
        if clip.result is not None:
            columns |= self._move_result(clip.result, video_id)
        with transaction():
            remember(SCOPE, content, content, video_id)
            Video.insert(id=video_id, user=self._owner_id, title=title, uploaded_at=db_now(), **columns).execute()
            if clip.result is None:
                enqueue(video_id, self._settings)
            record(self._actor, "media.import", str(video_id), clip.name)

    def _move_original(self, path: Path, video_id: UUID) -> dict[str, object]:
        key = original_key(video_id)
        self._store.upload(path, key, content_type="video/mp4")
        return {"original_key": key, "original_bytes": path.stat().st_size, "original_sha256": sha256_of(path)}

    def _move_result(self, path: Path, video_id: UUID) -> dict[str, object]:
        key = result_key(video_id, uuid4())
        self._store.upload_checked(path, key, content_type="video/mp4", sha256=sha256_of(path))
        now = db_now()
        published_at = None if self._settings.review_required else now
        return {
            "processed_key": key,
            "status": VideoStatus.PROCESSED,
            "processed_at": now,
            "published_at": published_at,
        }


def _id_from_name(name: str) -> UUID:
    """Keep the id of a clip that is named for it (and not imported yet); else a new one."""
    try:
        named = UUID(name)
    except ValueError:
        return uuid4()
    return uuid4() if Video.get_or_none(Video.id == named) else named
