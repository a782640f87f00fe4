"""Check the site after the faults: verify each result in the store, sweep everything, and look for leftovers."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from app.media.errors import MediaError
from app.media.probe import probe
from faults.evidence import Evidence, Violation
from faults.ledger import DatabaseUnavailable
from faults.site import Site

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

SWEEP_SECONDS = 30.0
SWEEPER = "upkeep-{}-sweeping"
RENDER_WORDS = ("ffmpeg", "mediainfo_process", "sleep 3600")

MEMORY_SLACK_BYTES = 64 << 20
FILES_SLACK = 24
THREADS_SLACK = 4
POOLED_CONNECTIONS = {"api": 10, "worker": 4, "upkeep": 3}
"""Kind of process → the number of database connections that one process may hold open."""

MOST_WAITING_RINGS = 64
FAILED = "✘ "
BROKEN_IN_EVERY_RUN = (
    "workers are running",  # killed workers remain listed for a day
    "no burst of new accounts has voted",  # all clients sign up from one address, and vote soon afterwards
)
"""The doctor's checks that fail in every run; a comment gives each reason. The harness ignores these failures."""

CONNECTIONS = """
SELECT count(*) AS connections, count(*) FILTER (WHERE state LIKE 'idle in transaction%%') AS hanging
FROM pg_stat_activity WHERE application_name = 'rising-stars'"""


@dataclass(frozen=True)
class Vitals:
    """The resources that a process and its children use."""

    memory_bytes: int
    threads: int
    files: int


@dataclass
class Baseline:
    """The vitals of each kind of process after the warm-up: the largest values among the processes of that kind."""

    vitals: dict[str, Vitals] = field(default_factory=dict)

    def take(self, site: Site) -> None:
        for name, found in vitals(site).items():
            kind, known = name.partition("-")[0], self.vitals.get(name.partition("-")[0], found)
            self.vitals[kind] = Vitals(*map(max, zip(_three(known), _three(found), strict=True)))


def vitals(site: Site) -> dict[str, Vitals]:
    """Return the vitals of each unit, keyed by name: the sums over its main process and all descendants."""
    found = {}
    for name, pid in site.keeper.pids().items():
        with contextlib.suppress(psutil.Error):
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            sums = [(p.memory_info().rss, p.num_threads(), p.num_fds()) for p in family]
            found[name] = Vitals(*map(sum, zip(*sums, strict=True)))
    return found


def _three(one: Vitals) -> tuple[int, int, int]:
    return one.memory_bytes, one.threads, one.files


def sweep(site: Site) -> None:
    """Run an upkeep process with a sweep age of 0 on each machine until it has swept three times.

    One sweep is not enough, because the store's timestamps are rounded to seconds.
    """
    names = [SWEEPER.format(machine) for machine in site.machines]
    for name in names:
        at_once = {"SWEEP_AGE_SECONDS": "0", "SWEEP_INTERVAL_SECONDS": "0.5"}
        site.keeper.keep(site.unit(name, program="upkeep", **at_once))
    logs = [site.log_dir / f"{name}.log" for name in names]
    site.until(lambda: all(_count(log, "objects_swept") >= 3 for log in logs), SWEEP_SECONDS)
    for name in names:
        site.keeper.drop(name)


def _count(log: Path, word: str) -> int:
    return log.read_text().count(word) if log.exists() else 0


def run_doctor(site: Site) -> list[str]:
    """Return the failed checks of `rising-stars doctor`, except those that fail in every run."""
    code, output = site.operate("doctor")
    failed = [line.removeprefix(FAILED) for line in output.splitlines() if line.startswith(FAILED)]
    if code not in {0, 1}:
        return [f"it can check the site: {output[-500:]}"]
    return [claim for claim in failed if not claim.startswith(BROKEN_IN_EVERY_RUN)]


def examine_store(site: Site, evidence: Evidence) -> None:
    """Record the sizes of all objects, and hash and probe each result that a job refers to."""
    jobs = {job["output_key"]: job for job in evidence.jobs.values() if job["output_key"]}
    with contextlib.closing(site.servers.seaweedfs.client()) as client, TemporaryDirectory() as folder:
        evidence.sizes = dict(_stored(client, site.bucket))
        judge = ResultJudge(Path(folder, "result.mp4"))
        for key in jobs.keys() & evidence.sizes.keys():
            content = client.get_object(Bucket=site.bucket, Key=key)["Body"].read()
            fault = judge.fault_of(content, jobs[key]["output_sha256"])
            if fault:
                evidence.damaged[key] = f"{key} {fault}"


def _stored(client: "S3Client", bucket: str) -> Iterator[tuple[str, int]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            yield item["Key"], item["Size"]


@dataclass
class ResultJudge:
    """Hashes and probes results; results with the same checksum are probed only once."""

    path: Path
    _faults: dict[str, str] = field(default_factory=dict)

    def fault_of(self, content: bytes, sha256: str) -> str:
        """Return what is wrong with a result, or an empty string for a correct result."""
        if hashlib.sha256(content).hexdigest() != sha256:
            return f"has another checksum than the ledger's {sha256}"
        if sha256 not in self._faults:
            self.path.write_bytes(content)
            self._faults[sha256] = _probe(self.path)
        return self._faults[sha256]


def _probe(path: Path) -> str:
    try:
        clip = probe(path)
    except MediaError as error:
        return f"cannot be probed: {error}"
    shape = (clip.width, clip.height, clip.video_codec)
    return "" if shape == (1280, 720, "AVC") else f"is {shape}"


def leftovers(site: Site, evidence: Evidence, baseline: Baseline) -> Iterator[Violation]:
    """Yield everything that should not exist after the sweep, and each process that uses far more than its baseline."""
    yield from _objects(site, evidence)
    yield from _files(site)
    yield from _orphans(site)
    yield from _connections(site)
    yield from _growth(site, baseline)
    yield from _keys(site)


def _objects(site: Site, evidence: Evidence) -> Iterator[Violation]:
    columns = ("original_key", "processed_key", "poster_key")
    living = [video for video in evidence.videos.values() if video["deleted_at"] is None]
    referenced = {video[column] for video in living for column in columns}
    with contextlib.closing(site.servers.seaweedfs.client()) as client:
        for key, _ in _stored(client, site.bucket):
            if key not in referenced:
                yield Violation(key, "is an unreferenced object, after the sweep")
        for upload in client.list_multipart_uploads(Bucket=site.bucket).get("Uploads", []):
            yield Violation(upload["Key"], "is an unfinished multipart upload")


def _files(site: Site) -> Iterator[Violation]:
    for machine in site.machines.values():
        for folder in (machine.work_dir, machine.temporary_dir):
            for path in folder.iterdir():
                yield Violation(str(path), "is a temporary file, after the sweep")


def _orphans(site: Site) -> Iterator[Violation]:
    """Yield each running render process of the site. All jobs have finished, so there should be none."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            line = " ".join(process.cmdline())
            ours = str(site.folder) in f"{line} {process.cwd()}"
            if process.pid != os.getpid() and ours and any(word in line for word in RENDER_WORDS):
                yield Violation(str(process.pid), f"is an orphan: {line[:200]}")


def _connections(site: Site) -> Iterator[Violation]:
    try:
        row = site.ledger.rows(CONNECTIONS)[0]
    except DatabaseUnavailable as error:
        yield Violation("database", f"does not answer: {error}")
        return
    most = sum(POOLED_CONNECTIONS[name.partition("-")[0]] for name in site.keeper.names())
    if row["connections"] > most:
        yield Violation("database", f"{row['connections']} connections are open; the pools allow {most}")
    if row["hanging"]:
        yield Violation("database", f"{row['hanging']} connections hang in a transaction")


def _growth(site: Site, baseline: Baseline) -> Iterator[Violation]:
    for name, now in vitals(site).items():
        then = baseline.vitals.get(name.partition("-")[0])
        if then is None:
            continue
        slack = (MEMORY_SLACK_BYTES, THREADS_SLACK, FILES_SLACK)
        for what, after, before, most in zip(
            ("bytes", "threads", "files"), _three(now), _three(then), slack, strict=True
        ):
            if after > before + most:
                yield Violation(name, f"uses {after} {what}; after the warm-up it used {before}")


def _keys(site: Site) -> Iterator[Violation]:
    """Yield the Redis keys that never expire, except queues of at most `MOST_WAITING_RINGS` messages."""
    with site.servers.redis.client(0) as client:
        for key in client.scan_iter():
            if client.ttl(key) == -1:
                length = client.zcard(key) if client.type(key) == b"zset" else None
                if length is None or length > MOST_WAITING_RINGS:
                    yield Violation(str(key), f"never expires in Redis (length {length})")
