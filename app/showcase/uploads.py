"""Accepts an upload: checks the clip, stores the original, records the video and its job, and rings the doorbell."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from uuid import UUID, uuid4

from app.config import Settings
from app.db.database import database, db_now, transaction
from app.db.errors import DATABASE_UNAVAILABLE
from app.db.models import Video
from app.showcase.errors import QueueFull
from app.showcase.idempotency import AnsweredMeanwhile, find_answered, remember
from app.showcase.ledger import outbox
from app.showcase.requirements import ReceivedClip, check_clip, check_title
from app.storage.errors import ObjectNotFound, StorageUnavailable
from app.storage.keys import original_key
from app.storage.s3 import S3Store


class Doorbell(Protocol):
    """Wakes a worker. Never raises: a queue that is down delays a render, but must not fail an upload."""

    def ring(self) -> bool:
        """Ring the doorbell. Return whether the queue accepted the message."""


class Uploads:
    """The use case of uploads."""

    def __init__(self, store: S3Store, doorbell: Doorbell, settings: Settings) -> None:
        self._store = store
        self._doorbell = doorbell
        self._settings = settings

    def accept(self, owner_id: UUID, title: str, received: ReceivedClip, *, idempotency_key: str | None = None) -> UUID:
        """Accept a clip. Whatever the outcome, the caller must delete the received file.

        Returns:
            The id of the new video, or of the video that an earlier request with the same key and content created.

        Raises:
            RuleBroken: an error of `check_title` or `check_clip`.
            IdempotencyKeyReused: the key was used before with another clip or title.
            QueueFull: too many clips are waiting already.
            StorageUnavailable: the original could not be stored; nothing was recorded.
        """
        title = check_title(title)
        scope = f"upload:{owner_id}"
        fingerprint = hashlib.sha256(f"{received.sha256} {title}".encode()).hexdigest()
        earlier = find_answered(scope, idempotency_key, fingerprint)
        if earlier is not None:
            return earlier
        check_clip(received)
        if outbox.count_queued() >= self._settings.max_queued_jobs:
            raise QueueFull
        video_id = uuid4()
        key = original_key(video_id)
        # Return the connection to the pool: storing the file may be slow, and the connection could go stale meanwhile.
        database.close()
        self._keep(received, key)
        try:
            self._note(
                video_id,
                owner_id,
                title,
                received,
                lambda: remember(scope, idempotency_key, fingerprint, video_id),
            )
        except AnsweredMeanwhile as twin:
            self._store.delete(key)
            return twin.resource_id
        # Return the connection to the pool: if the queue does not respond, ringing the doorbell takes seconds.
        database.close()
        if self._doorbell.ring():
            # Without the mark, upkeep rings again for this clip, which does no harm. The clip is committed, so an error
            # must not fail the upload.
            with suppress(*DATABASE_UNAVAILABLE):
                outbox.mark_dispatched(video_id)
        return video_id

    def _keep(self, received: ReceivedClip, key: str) -> None:
        """Store the original and verify that the store has it, before the upload is confirmed."""
        self._store.upload(received.path, key, content_type="video/mp4")
        try:
            stored = self._store.stat(key)
        except ObjectNotFound as error:
            raise StorageUnavailable(f"{key} is missing right after it was stored") from error
        if stored.size_bytes != received.size_bytes:
            raise StorageUnavailable(f"{key}: {stored.size_bytes} of {received.size_bytes} bytes were stored")

    def _note(
        self,
        video_id: UUID,
        owner_id: UUID,
        title: str,
        received: ReceivedClip,
        claim_key: Callable[[], None],
    ) -> None:
        with transaction():
            claim_key()
            Video.insert(
                id=video_id,
                user=owner_id,
                title=title,
                original_key=original_key(video_id),
                original_bytes=received.size_bytes,
                original_sha256=received.sha256,
                uploaded_at=db_now(),
            ).execute()
            outbox.enqueue(video_id, self._settings)
