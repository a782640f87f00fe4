"""Overload: if a limit is reached, the API responds with 503 and Retry-After, and keeps running."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from app.api.bulkheads import WAITING_PER_THREAD
from testing.answers import refusal
from testing.clips import make_clip
from testing.sites import SiteMaker

pytestmark = pytest.mark.either_backend

MIB = 1024 * 1024
SHARED_MEMORY = "/dev/shm"  # noqa: S108 (the fixture creates unique names in it)
MOST_TO_FILL = 256 * MIB


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=20, fps=1)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system with 1 MiB free: a new tmpfs or, where mounting is not allowed, a filled /dev/shm."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        return
    if shutil.disk_usage(SHARED_MEMORY).total > MOST_TO_FILL:
        pytest.skip("a small file system takes root to mount, or a container's small /dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder,
        tempfile.NamedTemporaryFile(dir=SHARED_MEMORY) as rest,
    ):
        rest.write(bytes(max(0, shutil.disk_usage(SHARED_MEMORY).free - MIB)))
        rest.flush()
        yield Path(folder)


def assert_retry_later(answer: httpx.Response) -> None:
    refusal(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_an_upload_is_refused_for_now_when_the_backlog_is_full(make_site: SiteMaker, clip: Path) -> None:
    site = make_site(MAX_QUEUED_JOBS="1")
    first, second = site.sign_up(), site.sign_up()
    first.upload(clip)
    before = site.bucket.stored_keys("unprocessed-videos/")
    assert_retry_later(second.upload(clip))
    assert site.video_count(second) == 0
    assert site.bucket.stored_keys("unprocessed-videos/") == before


def test_a_body_that_does_not_fit_on_the_disk_is_refused_and_the_next_request_is_answered(
    make_site: SiteMaker, tiny_disk: Path, tmp_path: Path
) -> None:
    site = make_site(TMPDIR=str(tiny_disk))
    player = site.sign_up()
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(8 * MIB))
    assert_retry_later(player.upload(large))
    assert player.get("/api/videos").json() == []


def test_an_upload_is_refused_for_now_when_the_work_directory_is_full(
    make_site: SiteMaker, tiny_disk: Path, tmp_path: Path
) -> None:
    site = make_site(WORK_DIR=str(tiny_disk))
    player = site.sign_up()
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(8 * MIB))
    assert_retry_later(player.upload(large))
    assert list(tiny_disk.iterdir()) == []


def test_an_overloaded_api_sheds_requests_within_bounded_memory(make_site: SiteMaker) -> None:
    site = make_site(API_THREADS="2", REAL_PASSWORD_HASHES="1")
    player = site.sign_up()
    process = psutil.Process(site.processes["api"].pid)
    resting = process.memory_info().rss
    count = 8 * WAITING_PER_THREAD
    together = threading.Barrier(count)
    body = {"email": player.email, "password": "not the password"}

    def knock(_: int) -> tuple[int, str | None]:
        with httpx.Client(base_url=site.url, timeout=60, trust_env=False) as client:
            together.wait()
            answer = client.post("/api/auth/login", json=body)
            assert answer.headers["content-type"].startswith("application/json")
            return answer.status_code, answer.headers.get("Retry-After")

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(knock, range(count)))
    statuses = {status for status, _ in answers}
    assert statuses == {401, 503}
    assert all(retry_after for status, retry_after in answers if status == 503)
    assert process.memory_info().rss - resting < 64 * MIB
    assert site.api.get("/ready").status_code == 200


def test_a_hundred_idle_connections_do_not_block_other_clients(make_site: SiteMaker) -> None:
    site = make_site(API_THREADS="2")
    clients = [httpx.Client(base_url=site.url, timeout=30, trust_env=False) for _ in range(100)]
    try:
        assert {client.get("/health").status_code for client in clients} == {200}
        began = time.monotonic()
        assert site.api.get("/api/public/rankings").status_code == 200
        assert time.monotonic() - began < 10
    finally:
        for client in clients:
            client.close()
