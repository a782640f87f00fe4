"""Measure the time from a job's commit until an idle worker starts it, with the SQLite queue and with the Redis queue.

The jobs' originals do not exist, so each attempt fails immediately, and the worker becomes idle again.
"""

import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import psutil
import redis

from app.config import Settings, load_settings
from app.db.database import database, db_now, open_database, transaction
from app.db.models import Job, JobState, User, Video
from app.operations import jobs
from app.showcase.ledger import outbox
from benchmarks.parts import running_bench
from demo.ports import free_port
from tasks.doorbell import HueyDoorbell
from testing.figures import keep

RINGS = 50
BOUND_MS = 100
PATIENCE_SECONDS = 30


def main() -> None:
    """Measure each queue and write the figures."""
    figures: dict[str, object] = {"rings": RINGS, "median_bound_ms": BOUND_MS}
    figures |= _measure("sqlite", None)
    if shutil.which("redis-server"):
        with _redis() as url:
            figures |= _measure("redis", url)
    keep("latency", figures)


def _measure(name: str, queue_url: str | None) -> dict[str, object]:
    with running_bench(queue_url) as bench, mock.patch.dict(os.environ, bench.environment, clear=True):
        settings = load_settings(Settings)
        bench.start("rising-stars-worker")
        pool = open_database(settings.database_url, max_connections=2)
        doorbell = HueyDoorbell(settings)
        owner = _add_owner()
        waits = [_ring(owner, doorbell) for _ in range(RINGS + 1)][1:]
        database.close()
        pool.close_all()  # type: ignore[attr-defined]
    milliseconds = sorted(1000 * wait for wait in waits)
    return {
        f"{name}_median_ms": round(statistics.median(milliseconds), 1),
        f"{name}_p95_ms": round(milliseconds[int(0.95 * RINGS)], 1),
    }


def _add_owner() -> uuid.UUID:
    owner = uuid.uuid4()
    names = {"first_name": "B", "last_name": "M", "email": "bench@example.com", "password_hash": "!"}
    User.insert(id=owner, created_at=db_now(), **names).execute()
    return owner


def _ring(owner: uuid.UUID, doorbell: HueyDoorbell) -> float:
    """Queue a job as an upload does; return the seconds until a worker starts it, by the database's clock."""
    settings = load_settings(Settings)
    video = uuid.uuid4()
    with transaction():
        Video.insert(
            id=video, user=owner, title="Clip", original_key=f"unprocessed-videos/{video}.mp4", uploaded_at=db_now()
        ).execute()
        outbox.enqueue(video, settings)
    doorbell.ring()
    job = _attempted(video)
    Job.update(state=JobState.CANCELLED).where(Job.video == video).execute()
    assert job.started_at is not None
    return job.started_at - job.created_at


def _attempted(video: uuid.UUID) -> Job:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        job = jobs.find_job(video)
        if job.started_at is not None and job.state is not JobState.RUNNING:
            # After a job, the worker checks for another due job. Give it time to start waiting for the doorbell again.
            time.sleep(0.2)
            return job
        time.sleep(0.02)
    raise TimeoutError(f"No worker started video {video} within {PATIENCE_SECONDS} s")


@contextmanager
def _redis() -> Iterator[str]:
    """Run a new Redis server until the `with` block ends."""
    port, password = free_port(), secrets.token_hex(16)
    folder = Path(tempfile.mkdtemp(prefix="rising-stars-bench-redis-"))
    configuration = folder / "redis.conf"
    configuration.write_text(f'port {port}\nbind 127.0.0.1\nrequirepass {password}\nsave ""\ndir {folder}\n')
    server = psutil.Popen(["redis-server", str(configuration)], stdout=subprocess.DEVNULL)
    try:
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        _wait_for_redis(url)
        yield url
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_redis(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return
