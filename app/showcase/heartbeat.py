"""Sends the heartbeats of a lease in a thread of their own while the clip is rendered."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from app.config import Settings
from app.db.database import database
from app.showcase.ledger.leases import Lease, heartbeat

log = structlog.get_logger(__name__)


@dataclass
class Pulse:
    """A thread that extends one lease until the work ends or the lease is lost."""

    lease: Lease
    settings: Settings
    progress: float = 0.0
    lost: threading.Event = field(default_factory=threading.Event)
    """Set when the lease is lost or the render was cancelled. The encoder then stops the render."""
    _over: threading.Event = field(default_factory=threading.Event)

    def note(self, fraction: float, /) -> None:
        """Record the progress for the next heartbeat."""
        self.progress = fraction

    @contextmanager
    def beating(self) -> Iterator["Pulse"]:
        """Send heartbeats while the `with` block runs."""
        thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _beat(self) -> None:
        """Send heartbeats until the work ends or the lease is lost.

        A failed heartbeat is retried after the usual interval. If none succeeds before the lease expires, the reaper
        rescues the job.
        """
        try:
            while not self._over.wait(self.settings.heartbeat_seconds):
                try:
                    if not heartbeat(self.lease, self.progress, self.settings):
                        self.lost.set()
                        return
                except Exception as error:  # noqa: BLE001 (an error must not end the heartbeats)
                    log.warning("heartbeat_failed", job_id=str(self.lease.job_id), error=str(error))
                    database.close()
        finally:
            database.close()
