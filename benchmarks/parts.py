"""Run the platform's processes for a measurement."""

import os
import secrets
import shutil
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx
import psutil

from demo.ports import free_port
from demo.seaweedfs import SeaweedFS
from demo.supervisor import Supervisor

START_SECONDS = 60
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Bench:
    """The folder, the settings and the processes of one measurement."""

    folder: Path
    environment: dict[str, str]
    supervisor: Supervisor

    def start(self, name: str, *arguments: str) -> None:
        """Start one of the platform's programs."""
        self.supervisor.start(name, [program(name), *arguments], environment=self.environment)

    def start_api(self, *, threads: int) -> tuple[str, psutil.Process]:
        """Start an API, and return its URL and its process once it is ready."""
        url = f"http://127.0.0.1:{(port := free_port())}"
        environment = self.environment | {"API_THREADS": str(threads)}
        command = [program("rising-stars-api"), "--listen", f"127.0.0.1:{port}"]
        self.supervisor.start("rising-stars-api", command, environment=environment)
        wait_until_ready(url)
        # Two processes have this command line: a watchdog (demo/leash.py) and the watchdog's child, the API.
        both = [child for child in psutil.Process().children(recursive=True) if f"127.0.0.1:{port}" in child.cmdline()]
        return url, next(child for child in both if not child.children())


def program(name: str) -> str:
    """Return the path of a console script of this environment."""
    return str(Path(sysconfig.get_path("scripts"), name))


def wait_until_ready(url: str, *, seconds: float = START_SECONDS) -> None:
    """Poll /ready until it returns 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ready", timeout=5, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{url} was not ready within {seconds:g} s")


@contextmanager
def running_bench(
    queue_url: str | None = None, *, database_url: str | None = None, settings: Mapping[str, str] = NO_SETTINGS
) -> Iterator[Bench]:
    """Run a real S3 server, and yield a bench with a migrated database and a queue (by default, both in SQLite)."""
    folder = Path(tempfile.mkdtemp(prefix="rising-stars-bench-"))
    supervisor = Supervisor(folder / "log")
    try:
        with SeaweedFS(folder / "objects") as store:
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                **store.environment,
                "S3_BUCKET": store.bucket,
                "DATABASE_URL": database_url or f"sqlite:///{folder}/site.db",
                "QUEUE_URL": queue_url or f"sqlite:///{folder}/queue.db",
                "WORK_DIR": str(folder / "work"),
                "JWT_SECRET": secrets.token_hex(32),
                "DOORBELL_SECRET": secrets.token_hex(32),
                "UPLOAD_LIMIT_PER_ACCOUNT": "100000 per 1 minute",
                "UPLOAD_LIMIT_PER_ADDRESS": "100000 per 1 minute",
                "DRAIN_SECONDS": "0",
                **settings,
            }
            supervisor.run("migrate", [program("rising-stars"), "migrate"], environment=environment, seconds=60)
            yield Bench(folder, environment, supervisor)
    finally:
        supervisor.stop()
        shutil.rmtree(folder, ignore_errors=True)
