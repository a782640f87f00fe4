"""Homes of test sites: each has a folder, a bucket, a database and a queue, and the settings that refer to them."""

import contextlib
import itertools
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from demo.seaweedfs import SeaweedFS
from testing.preloaded import run_preloaded

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Backend = Literal["embedded", "production"]
PROGRAMS = Path(sys.executable).parent

GENEROUS = {
    f"{name}_LIMIT_PER_{whom}": "100000 per 1 minute"
    for name, whom in (
        ("LOGIN", "ACCOUNT_AND_ADDRESS"),
        ("LOGIN", "ACCOUNT"),
        ("LOGIN", "ADDRESS"),
        ("SIGNUP", "ADDRESS"),
        ("VOTE", "ACCOUNT"),
        ("VOTE", "ADDRESS"),
        ("WITHDRAWAL", "ACCOUNT"),
        ("UPLOAD", "ACCOUNT"),
        ("UPLOAD", "ADDRESS"),
    )
}
"""Rate limits that an ordinary test never reaches."""

BRISK = {
    "RENDER_PRESET": "ultrafast",
    "RENDER_PROFILE": "lite",
    "UPKEEP_INTERVAL_SECONDS": "1",
    "DRAIN_SECONDS": "2",
    "LOG_LEVEL": "DEBUG",
}

_numbers = itertools.count(1)


def unique(word: str) -> str:
    """Return `word` with a suffix that is unique among all tests and test processes."""
    return f"{word}{os.getpid()}x{next(_numbers)}"


@dataclass(frozen=True)
class Bucket:
    """A bucket on a real S3 server."""

    name: str
    server: SeaweedFS

    @property
    def port(self) -> int:
        return int(self.server.endpoint.rpartition(":")[2])

    @property
    def environment(self) -> dict[str, str]:
        """The platform's environment variables for this bucket."""
        return {**self.server.environment, "S3_BUCKET": self.name}

    @contextmanager
    def client(self) -> Iterator["S3Client"]:
        """Yield a client for direct checks."""
        with contextlib.closing(self.server.client()) as client:
            yield client

    def stored_keys(self, prefix: str = "") -> set[str]:
        """Return the keys of all objects whose key begins with `prefix`."""
        with self.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def unfinished_uploads(self) -> list[str]:
        """Return the keys of multipart uploads that were neither completed nor aborted."""
        with self.client() as client:
            return [item["Key"] for item in client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]


@dataclass(frozen=True)
class Home:
    """The folder, bucket, database and queue of a site, and the settings that refer to them."""

    backend: Backend
    folder: Path
    bucket: Bucket
    environment: dict[str, str]

    def with_settings(self, **settings: str) -> "Home":
        """Return a home with the same stored data and some settings changed."""
        return Home(self.backend, self.folder, self.bucket, {**self.environment, **settings})


def settings_for(backend: Backend, home: Path, bucket: Bucket, urls: Mapping[str, str]) -> dict[str, str]:
    """Create a site's work folders, and return all environment variables of its processes.

    Only PATH comes from this process's environment. For `production`, `urls` contains DATABASE_URL and QUEUE_URL.
    """
    for name in ("work", "temporary"):
        (home / name).mkdir()
    embedded = {
        "DATABASE_URL": f"sqlite:////{str(home).lstrip('/')}/stars.db",
        "QUEUE_URL": f"sqlite:////{str(home).lstrip('/')}/queue.db",
    }
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home / "temporary"),
        "LANG": "C.UTF-8",
        "PYTHONWARNINGS": "default",
        "WORK_DIR": str(home / "work"),
        "JWT_SECRET": secrets.token_hex(32),
        "DOORBELL_SECRET": secrets.token_hex(32),
        "VERIFICATION_SECRET": secrets.token_hex(32),
        **(embedded if backend == "embedded" else urls),
        **bucket.environment,
        **GENEROUS,
        **BRISK,
    }


def migrate(home: Home) -> None:
    """Create the site's tables with `rising-stars migrate`, as an operator does."""
    run = run_preloaded("rising-stars", "migrate", environment=home.environment)
    assert run.returncode == 0, run.stdout + run.stderr
