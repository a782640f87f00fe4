"""Imports the clips of an archive into the store and the database.

A clip is identified by the digest of its content, which is recorded in the transaction that creates its video. So an
interrupted import can continue where it stopped, and a repeated import imports no clip twice.
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
"""The scope of the import's idempotency keys. They are never swept, so that an import can be repeated at any time."""

ARCHIVE_EMAIL = "archive@rising-stars.invalid"
NO_PASSWORD = "!"  # noqa: S105
"""Not a hash, so that no password matches it."""


class ImportStopped(ShowcaseError):
    """The machine or the store failed, not the clip. Clips that were imported before remain."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The outcome for one clip: `imported`, `present` (imported earlier) or `refused`.

    `detail` is the video's id, or the reason for the refusal.
    """

    clip: ArchivedClip
    outcome: str
    detail: str


def find_owner(email: str | None) -> UUID:
    """Return the id of the account that will own the imported clips.

    Without an e-mail address, this is an inactive account for archives, created if necessary.

    Raises:
        NotFound: no account has this e-mail address.
    """
    if email is not None:
        user: User | None = User.get_or_none(User.email == email.strip().lower())
        if user is None:
            raise NotFound(f"There is no account {email}; sign the owner up first, or omit --owner.")
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
    """Imports clips one by one, each completely or not at all."""

    def __init__(self, store: S3Store, settings: Settings, *, owner_id: UUID, actor: str) -> None:
        self._store = store
        self._settings = settings
        self._owner_id = owner_id
        self._actor = actor

    def bring_in(self, clip: ArchivedClip) -> Imported:
        """Import one clip. If it has a result, publish it (unless review is required); otherwise queue its render.

        Raises:
            ImportStopped: no clip can be imported at present.
        """
        try:
            return self._import(clip)
        except (MediaInfoMissing, ProbeKilled, StorageUnavailable) as error:
            reason = str(error).splitlines()[-1].rstrip(".")
            raise ImportStopped(
                f"The import stopped at {clip.name}: {reason}. Fix this and run the import again."
            ) from error

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
    """Return the clip's name as its id, if the name is a UUID that no video has yet; otherwise a new UUID."""
    try:
        named = UUID(name)
    except ValueError:
        return uuid4()
    return uuid4() if Video.get_or_none(Video.id == named) else named
