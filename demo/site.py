"""The embedded site: SeaweedFS, API, worker and upkeep, with SQLite, on free ports of 127.0.0.1.

All its data are in one folder: the database, the queue, the objects, the secrets and the logs.
"""

import fcntl
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import httpx

from demo.errors import DemoError
from demo.interruption import uninterrupted
from demo.paths import shown
from demo.ports import free_port, is_free
from demo.seaweedfs import SeaweedFS
from demo.secret_files import load_secrets
from demo.supervisor import Supervisor

BUCKET = "rising-stars"
MIGRATE_SECONDS = 60
READY_SECONDS = 60
WORKER_NICENESS = 10
"""The worker's nice value, as in its systemd unit, so that the API has a higher CPU priority than renders."""
SECRETS = ("JWT_SECRET", "DOORBELL_SECRET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
LOOPBACK = "127.0.0.1,localhost"


class Site:
    """One site in one folder. The caller must call `stop` in a `finally`."""

    def __init__(self, root: Path, *, port: int | None = None, fresh: bool = False) -> None:
        self.root = root.absolute()
        self.log_dir = self.root / "log"
        self._chosen_port = port
        self._fresh = fresh
        self._lock: IO[str] | None = None
        self._port = 0
        self._supervisor = Supervisor(self.log_dir)
        self._seaweedfs: SeaweedFS | None = None

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def storage_url(self) -> str:
        """The URL of the S3 API."""
        return self._seaweedfs.endpoint if self._seaweedfs else ""

    def start(self, report: Callable[[str], None]) -> None:
        """Start all processes, and return when the site is ready. Call `report` whenever a component has started.

        Raises:
            DemoError: a component did not start. The components that had started are stopped again.
        """
        try:
            self._prepare()
            self._start(report)
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raise `DemoError` if a process has exited unexpectedly."""
        self._supervisor.check()
        if self._seaweedfs is not None:
            self._seaweedfs.check()

    def run(self, name: str, command: Sequence[str], *, seconds: float) -> None:
        """Run a command to completion. If `stop` is called meanwhile, it also stops the command."""
        self._supervisor.run(name, command, environment=os.environ, seconds=seconds)

    def stop(self) -> None:
        """Stop every process, the store last, and keep the data."""
        with uninterrupted():
            self._supervisor.stop()
            if self._seaweedfs is not None:
                self._seaweedfs.stop()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _prepare(self) -> None:
        if {"#", "?"} & set(str(self.root)):
            raise DemoError(f"{self.root}: SQLite's URL cannot contain a path with # or ?. Move the checkout.")
        self._port = self._chosen_port or free_port()
        if not is_free(self._port):
            raise DemoError(
                f"Port {self._port} is in use by another program. Choose another one, for example PORT=8081."
            )
        lock_path = self.root.with_name(f"{self.root.name}.lock")
        if self._fresh and self.root.exists() and not lock_path.exists() and any(self.root.iterdir()):
            raise DemoError(f"{shown(self.root)} contains other files, so it is left alone. Choose another DATA.")
        self._acquire_lock(lock_path)
        if self._fresh and self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir(mode=0o700, exist_ok=True)
        self.log_dir.mkdir(exist_ok=True)

    def _acquire_lock(self, path: Path) -> None:
        """Lock the folder, so that two sites cannot use the same database."""
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DemoError(f"Another process is using {shown(self.root)} already. Stop it first.") from None
        self._lock = lock

    def _start(self, report: Callable[[str], None]) -> None:
        secrets = load_secrets(self.root / "secrets.json", SECRETS)
        self._seaweedfs = SeaweedFS(
            self.root / "objects",
            bucket=BUCKET,
            access_key=secrets["AWS_ACCESS_KEY_ID"],
            secret_key=secrets["AWS_SECRET_ACCESS_KEY"],
            log=self.log_dir / "seaweedfs.log",
        )
        self._seaweedfs.start()
        report(f"storage   SeaweedFS, an S3, at {self.storage_url}")
        environment = self._environment(secrets) | self._seaweedfs.environment
        environment_of_api = environment | {"JWT_SECRET": secrets["JWT_SECRET"]}
        self._supervisor.run(
            "migrate", [_program("rising-stars"), "migrate"], environment=environment, seconds=MIGRATE_SECONDS
        )
        report("database  SQLite, migrated")
        api = [_program("rising-stars-api"), "--listen", f"127.0.0.1:{self._port}"]
        self._supervisor.start("api", api, environment=environment_of_api)
        worker = ["nice", "-n", str(WORKER_NICENESS), _program("rising-stars-worker")]
        self._supervisor.start("worker", worker, environment=environment)
        self._supervisor.start("upkeep", [_program("rising-stars-upkeep")], environment=environment)
        self._wait_until_ready()
        report(f"API       waitress, at {self.url}")
        report("worker    Huey and FFmpeg, idle; upkeep beside it")

    def _environment(self, secrets: dict[str, str]) -> dict[str, str]:
        """Return the caller's environment (RENDER_PRESET, for example), overridden by this site's settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        defaults = {"LOG_FORMAT": "console", "DRAIN_SECONDS": "1", "HEARTBEAT_SECONDS": "1"}
        return (
            defaults
            | inherited
            | {
                "DATABASE_URL": f"sqlite:///{self.root / 'site.db'}",
                "QUEUE_URL": f"sqlite:///{self.root / 'queue.db'}",
                "S3_BUCKET": BUCKET,
                "WORK_DIR": str(self.root / "work"),
                "DOORBELL_SECRET": secrets["DOORBELL_SECRET"],
                "PYTHONUNBUFFERED": "1",
                "NO_PROXY": LOOPBACK,
                "no_proxy": LOOPBACK,
            }
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        answer = "no answer"
        while (answer := _readiness(self.url)) != "":
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(
                    f"The site did not become ready within {READY_SECONDS} s: {answer}. "
                    f"See its logs in {shown(self.log_dir)}."
                )
            time.sleep(0.1)


def _readiness(url: str) -> str:
    """Return an empty string if the API and its dependencies are ready, otherwise a description of the problem."""
    try:
        response = httpx.get(f"{url}/ready", params={"deep": "1"}, timeout=5, trust_env=False)
    except httpx.TransportError as error:
        return f"{url} does not answer ({type(error).__name__})"
    return "" if response.status_code == httpx.codes.OK else f"{response.status_code} {response.text}"


def _program(name: str) -> str:
    """Return the path of one of this project's console scripts, which are beside the Python interpreter."""
    path = Path(sysconfig.get_path("scripts"), name)
    if not path.exists():
        raise DemoError(f"{name} is not installed beside {path.parent}/python. Run `make setup` first.")
    return str(path)
