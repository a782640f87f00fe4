"""Binds the models in this process to a database, for tests that call the platform's code directly."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from app.config import Settings
from app.db.database import database, db_now, open_database, transaction
from app.db.models import TABLES, Job, User, Video
from app.operations import jobs
from app.showcase.ledger import claiming, leases, outbox
from testing.homes import Home, unique


def settings_of(home: Home, **changed: object) -> Settings:
    """Return the settings of a process with the home's environment."""
    known = {name.lower(): value for name, value in home.environment.items()}
    fields = {name: value for name, value in known.items() if name in Settings.model_fields}
    return Settings.model_validate({**fields, **changed})


@contextmanager
def opened(home: Home) -> Iterator[Settings]:
    """Empty the home's database, bind the models to it until the `with` block ends, and yield the settings."""
    settings = settings_of(home)
    pool = open_database(settings.database_url, max_connections=64)
    try:
        for table in reversed(TABLES):
            table.delete().execute()
        yield settings
    finally:
        database.close()
        pool.close_all()  # type: ignore[attr-defined]


def add_player(first_name: str = "Ana") -> uuid.UUID:
    """Add an account without a password and return its ID."""
    player = uuid.uuid4()
    User.insert(
        id=player,
        email=f"{unique('player')}@example.com",
        password_hash="!",
        first_name=first_name,
        last_name="Rojas",
        created_at=db_now(),
    ).execute()
    return player


def add_clip(settings: Settings, owner: uuid.UUID | None = None, **columns: object) -> uuid.UUID:
    """Add a video with a queued render job, as an upload does, and return the video's ID."""
    video = uuid.uuid4()
    with transaction():
        Video.insert(
            id=video,
            user=owner or add_player(),
            title="Clip",
            uploaded_at=db_now(),
            **{"original_key": f"unprocessed-videos/{video}.mp4", **columns},
        ).execute()
        outbox.enqueue(video, settings)
    return video


def job_of(video: uuid.UUID) -> Job:
    """Read the video's job from the ledger."""
    return jobs.find_job(video)


def claim(settings: Settings, worker: str = "worker") -> leases.Lease:
    """Claim a job, assert that the claim succeeds, and return the lease."""
    lease = claiming.claim(worker, settings)
    assert lease is not None
    return lease
