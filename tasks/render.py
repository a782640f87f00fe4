"""What a worker does when the bell rings: claim the next due job, carry it out, until none is due."""

import os
import socket
from collections.abc import Callable

import structlog

from app.config import Settings
from app.db.database import database
from app.services import build_encoder, build_services
from app.showcase import jobs
from app.showcase.rendering import Renderer

log = structlog.get_logger(__name__)

THREADS = 2
"""The one that renders and the heartbeat's."""


class RenderShift:
    """One worker process at work. Its parts are built in `begin`, after the fork: sockets must not cross it."""

    def __init__(self, settings: Settings, *, stopping: Callable[[], bool]) -> None:
        self._settings = settings
        self._stopping = stopping
        self._renderer: Renderer | None = None
        self._owner = ""

    def begin(self) -> None:
        """Build this process's own parts."""
        services = build_services(self._settings, threads=THREADS)
        self._renderer = Renderer(services.store, build_encoder(self._settings), self._settings)
        self._owner = f"{socket.gethostname()}:{os.getpid()}"

    def work_off_due(self) -> None:
        """Carry out due jobs one after the other, until there is none or the worker is to stop."""
        if self._renderer is None:
            raise RuntimeError("the shift has not begun: a worker's startup failed, its log says why")
        try:
            while not self._stopping():
                lease = jobs.claim(self._owner, self._settings)
                if lease is None:
                    return
                self._renderer.work_off(lease)
        finally:
            database.close()
