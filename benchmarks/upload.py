"""Measure how much memory and time the API process needs for 20 concurrent uploads of 17 MB.

One run compares the platform's API with the usual implementation (Bottle's form parser, boto3's defaults).
"""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.parts import Bench, running_bench, wait_until_ready
from demo.clip import make_basketball_clip
from demo.ports import free_port
from testing.figures import keep

UPLOADS = 20
CLIP_BYTES = 17_000_000
BOUND_MIB = 64
MIB = 1024 * 1024
SAMPLE_SECONDS = 0.01


def main() -> None:
    """Measure both implementations, and write the figures."""
    with running_bench() as bench:
        clip = _clip_of(bench.folder / "clip.mp4", CLIP_BYTES)
        usual = _measure_usual(bench, clip)
        ours = _measure_ours(bench, clip)
    keep(
        "upload",
        {
            "uploads_at_once": UPLOADS,
            "clip_bytes": CLIP_BYTES,
            "growth_mib": ours["growth_mib"],
            "growth_bound_mib": BOUND_MIB,
            "seconds": ours["seconds"],
            "median_answer_seconds": ours["median_answer_seconds"],
            "usual_way_growth_mib": usual["growth_mib"],
            "usual_way_seconds": usual["seconds"],
        },
    )


def _clip_of(path: Path, size_bytes: int) -> Path:
    """Write a valid clip and pad it to `size_bytes` with a `free` box, which MP4 allows at the end of a file."""
    make_basketball_clip(path)
    padding = size_bytes - path.stat().st_size
    with path.open("ab") as file:
        file.write(padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    return path


def _measure_ours(bench: Bench, clip: Path) -> dict[str, float]:
    url, process = bench.start_api(threads=16)
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
        account = {"first_name": "B", "last_name": "M", "email": "bench@example.com"}
        signed_up = client.post("/api/auth/signup", json={**account, "password1": "p" * 12, "password2": "p" * 12})
        headers = {"Authorization": f"Bearer {signed_up.json()['access_token']}"}
        return _load(client, process, "/api/videos/upload", clip, headers)


def _measure_usual(bench: Bench, clip: Path) -> dict[str, float]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.usual_upload", str(port)]
    process = subprocess.Popen(command, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300, trust_env=False) as client:
            return _load(client, psutil.Process(process.pid), "/upload", clip, {})
    finally:
        process.terminate()
        process.wait()


def _load(
    client: httpx.Client, process: psutil.Process, path: str, clip: Path, headers: dict[str, str]
) -> dict[str, float]:
    def upload(number: int) -> float:
        began = time.perf_counter()
        with clip.open("rb") as body:
            files = {"video_file": ("clip.mp4", body, "video/mp4")}
            answer = client.post(path, data={"title": f"Clip {number}"}, files=files, headers=headers)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return time.perf_counter() - began

    upload(0)  # the first upload loads clients and libraries, whose memory must not count as growth
    with _peak(process) as peak, ThreadPoolExecutor(UPLOADS) as pool:
        resting = process.memory_info().rss
        began = time.perf_counter()
        answers = list(pool.map(upload, range(1, UPLOADS + 1)))
        seconds = time.perf_counter() - began
    return {
        "growth_mib": round((max(peak) - resting) / MIB, 1),
        "seconds": round(seconds, 2),
        "median_answer_seconds": round(statistics.median(answers), 2),
    }


@contextmanager
def _peak(process: psutil.Process) -> Iterator[list[int]]:
    """Yield a list to which a thread appends samples of the process's resident memory, in bytes."""
    samples = [process.memory_info().rss]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            samples.append(process.memory_info().rss)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
