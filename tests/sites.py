"""A whole site as real processes, and the people who use it: what the behavioural tests talk to."""

import contextlib
import itertools
import os
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import httpx
import jwt
import peewee

from app.db.models import TABLES, Job, JobState, User, Video, VideoStatus
from demo.ports import free_port
from demo.seaweedfs import SeaweedFS
from tests.backends import Subprocess, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Backend = Literal["embedded", "production"]
Json = Any
"""A parsed JSON document: tests look into it, so it stays untyped."""

PASSWORD = "correct horse battery"
UNKNOWN_ID = "6f1c5a52-0000-4000-8000-000000000000"
NUMBERS = ("0", "123", "99999999999999999999")
"""Ids as the platform's predecessor had them."""

MALFORMED_IDS = ("abc", "1.5", "a b", "' OR 1=1 --", "é", "f" * 300, UNKNOWN_ID[:-1], UNKNOWN_ID + "0")
"""Neither a number nor a UUID."""
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
"""Rate limits an ordinary test never meets."""

BRISK = {
    "RENDER_PRESET": "ultrafast",
    "RENDER_PROFILE": "lite",
    "UPKEEP_INTERVAL_SECONDS": "1",
    "DRAIN_SECONDS": "2",
    "LOG_LEVEL": "DEBUG",
}

_numbers = itertools.count(1)


def unique(word: str) -> str:
    """`word` with something behind it that no other test and no other test process has."""
    return f"{word}{os.getpid()}x{next(_numbers)}"


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own on the real S3."""

    name: str
    server: SeaweedFS

    @property
    def port(self) -> int:
        return int(self.server.endpoint.rpartition(":")[2])

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the platform here."""
        return {**self.server.environment, "S3_BUCKET": self.name}

    @contextmanager
    def client(self) -> Iterator["S3Client"]:
        """The tests' own eyes."""
        with contextlib.closing(self.server.client()) as client:
            yield client

    def stored_keys(self, prefix: str = "") -> set[str]:
        """The keys of all objects below `prefix`."""
        with self.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def unfinished_uploads(self) -> list[str]:
        """The keys of multipart uploads that were begun and neither completed nor given up."""
        with self.client() as client:
            return [item["Key"] for item in client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]


@dataclass(frozen=True)
class Home:
    """The places a site lives in, and the settings that lead to them."""

    backend: Backend
    folder: Path
    bucket: Bucket
    environment: dict[str, str]

    def with_settings(self, **settings: str) -> "Home":
        """The same places, under other settings."""
        return Home(self.backend, self.folder, self.bucket, {**self.environment, **settings})


@dataclass
class Site:
    """An API process (and, for those who asked, a worker and upkeep) with everything behind it."""

    home: Home
    url: str
    api: httpx.Client
    database: Any
    """Peewee's; untyped, as its `execute_sql` is."""
    processes: dict[str, Subprocess] = field(default_factory=dict)

    @property
    def backend(self) -> Backend:
        return self.home.backend

    @property
    def bucket(self) -> Bucket:
        return self.home.bucket

    @property
    def environment(self) -> dict[str, str]:
        return self.home.environment

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def work_dir(self) -> Path:
        return Path(self.environment["WORK_DIR"])

    @property
    def temporary_dir(self) -> Path:
        return Path(self.environment["TMPDIR"])

    @property
    def log(self) -> str:
        """All that this site's processes have said."""
        return "".join(process.log.read_text(errors="replace") for process in self.processes.values())

    def sign_up(self, *, city: str | None = None, **fields: str | None) -> "Player":
        """A new account with an access token, through the API."""
        body = {**sign_up_form(), **({"city": city} if city else {}), **fields}
        answer = self.api.post("/api/auth/signup", json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return Player(
            self,
            made["id"],
            made["email"],
            str(body["password1"]),
            made["first_name"],
            made["last_name"],
            made["city"],
            made["access_token"],
        )

    def publish_video(
        self,
        owner: "Player",
        *,
        votes: int = 0,
        title: str = "Clip",
        status: VideoStatus = VideoStatus.PROCESSED,
        published: bool = True,
        deleted: bool = False,
        age: float = 0,
    ) -> str:
        """Put a clip straight into the database, as if it had been rendered `age` seconds ago; its id."""
        video_id = uuid.uuid4()
        rendered = status is VideoStatus.PROCESSED
        # The database's clock is this machine's.
        now = time.time() - age
        with self.tables():
            Video.insert(
                id=video_id,
                user=uuid.UUID(owner.id),
                title=title,
                status=status,
                original_key=f"unprocessed-videos/{video_id}.mp4",
                processed_key=f"processed-videos/{video_id}/{uuid.uuid4()}.mp4" if rendered else None,
                poster_key=f"posters/{video_id}/{uuid.uuid4()}.jpg" if rendered else None,
                votes=votes,
                uploaded_at=now,
                processed_at=now if rendered else None,
                published_at=now if rendered and published else None,
                deleted_at=now if deleted else None,
            ).execute()
            Job.insert(
                id=uuid.uuid4(),
                video=video_id,
                profile="lite",
                state=JobState.SUCCEEDED if rendered else JobState.QUEUED,
                max_attempts=5,
                run_at=now + 3600,
                created_at=now,
            ).execute()
        return str(video_id)

    @contextmanager
    def tables(self) -> Iterator[None]:
        """Bind the models to this site's database for direct checks."""
        with self.database.bind_ctx(TABLES), self.database.connection_context():
            yield

    def video_count(self, owner: "Player") -> int:
        """How many rows of videos the account has, deleted ones too."""
        with self.tables():
            return int(Video.select().where(Video.user == uuid.UUID(owner.id)).count())

    def account_count(self, email: str) -> int:
        """How many accounts have that address, in any case."""
        with self.tables():
            return int(User.select().where(peewee.fn.LOWER(User.email) == email.lower()).count())

    def wait_until(self, owner: "Player", video_id: str, status: str, *, seconds: float = 120) -> Json:
        """Poll the owner's view of the clip until it has `status`; that view."""
        seen: list[Json] = []

        def reached() -> bool:
            seen[:] = [owner.get(f"/api/videos/{video_id}").json()]
            assert seen[0]["status"] in {"uploaded", "processing", status}, seen[0]
            return bool(seen[0]["status"] == status)

        wait_until(reached, what=f"status {status}", seconds=seconds)
        return seen[0]

    def token(self, player: "Player", **claims: object) -> str:
        """The player's token with other claims (None takes one out), signed with the site's secret."""
        mine = {**jwt.decode(player.access_token, options={"verify_signature": False}), **claims}
        return jwt.encode(
            {name: value for name, value in mine.items() if value is not None},
            self.environment["JWT_SECRET"],
            algorithm=str(jwt.get_unverified_header(player.access_token)["alg"]),
        )


@dataclass(frozen=True)
class Player:
    """An account and its access token: a player, a voter, or both."""

    site: Site
    id: str
    email: str
    password: str
    first_name: str
    last_name: str
    city: str | None
    access_token: str

    @property
    def username(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request, with this account's token."""
        headers = {**self.headers, **options.pop("headers", {})}
        return self.site.api.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def upload(
        self,
        clip: Path,
        *,
        title: str = "Clip",
        filename: str = "clip.mp4",
        part: str = "video_file",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send `clip` as a browser's form would."""
        with clip.open("rb") as video:
            return self.request(
                "POST",
                "/api/videos/upload",
                data={"title": title},
                files={part: (filename, video, "video/mp4")},
                headers=dict(headers or {}),
            )

    def vote(self, video_id: str) -> httpx.Response:
        return self.request("POST", f"/api/public/videos/{video_id}/vote")

    def log_in(self) -> Json:
        """A second session of this account: its token answer."""
        answer = self.site.api.post("/api/auth/login", json={"email": self.email, "password": self.password})
        assert answer.status_code == 200, answer.text
        return answer.json()


def sign_up_form(**fields: object) -> dict[str, Any]:
    """A complete, valid body for POST /api/auth/signup with an address nobody else uses."""
    return {
        "first_name": "Ana",
        "last_name": unique("Rojas"),
        "email": f"{unique('ana')}@example.com",
        "password1": PASSWORD,
        "password2": PASSWORD,
        **fields,
    }


def refusal(answer: httpx.Response, status: int) -> Json:
    """Assert that `answer` refuses with `status` in the house's shape; the detail."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    body = answer.json()
    assert set(body) == {"detail"}
    assert isinstance(body["detail"], str | list)
    assert body["detail"]
    return body["detail"]


def shape_refusal(answer: httpx.Response, *location: str) -> str:
    """Assert a 422 in pydantic's shape that names the field at `location`'s end; its message."""
    detail = refusal(answer, 422)
    assert isinstance(detail, list), detail
    for item in detail:
        assert {"loc", "msg", "type"} <= set(item), item
        assert isinstance(item["loc"], list)
    messages = [item["msg"] for item in detail if tuple(item["loc"][-len(location) :]) == location]
    assert messages, f"nothing about {location} in {detail}"
    return str(messages[0])


def all_at_once(*acts: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Start every act at the same moment, each in a thread of its own."""
    start = Barrier(len(acts))

    def wait_and_act(act: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(wait_and_act, acts))


def settings_for(backend: Backend, home: Path, bucket: Bucket, urls: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a site: nothing comes from the machine but PATH."""
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
    """Give the site its tables, by the command an operator would use."""
    program = [str(PROGRAMS / "rising-stars"), "migrate"]
    command = Subprocess(program, log=home.folder / "migrate.log", environment=home.environment)
    wait_until(lambda: not command.running, what="the migration's end")
    assert command.stop() == 0, command.log.read_text()


@contextmanager
def running_site(home: Home, *, with_worker: bool = False, ready: bool = True) -> Iterator[Site]:
    """Start the processes, wait until the API is `ready` (or at least answers), and stop them again."""
    port = free_port()
    commands = {"api": ["rising-stars-api", "--listen", f"127.0.0.1:{port}"]}
    if with_worker:
        commands |= {"worker": ["rising-stars-worker"], "upkeep": ["rising-stars-upkeep"]}
    # trust_env=False: a machine's proxy settings are no part of these tests.
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as api:
        site = Site(home, f"http://127.0.0.1:{port}", api, _database(home.environment["DATABASE_URL"]))
        try:
            for name, (program, *arguments) in commands.items():
                site.processes[name] = Subprocess(
                    [str(PROGRAMS / program), *arguments],
                    log=home.folder / f"{unique(name)}.log",
                    environment=home.environment,
                )
            site.processes["api"].wait_until(
                lambda: _answers(api, "/ready" if ready else "/health"), what="the API's start"
            )
            yield site
        finally:
            for process in reversed(site.processes.values()):
                process.stop()
            site.database.close()


def _answers(api: httpx.Client, path: str) -> bool:
    try:
        return api.get(path).status_code == 200
    except httpx.TransportError:
        return False


def _database(url: str) -> peewee.Database:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return peewee.SqliteDatabase(parts.path.removeprefix("/"), timeout=10)
    return peewee.PostgresqlDatabase(parts.path.lstrip("/"), dsn=url)


class SiteMaker:
    """Starts APIs with other settings; all end with the test."""

    def __init__(self, stack: ExitStack, home: Home) -> None:
        self._stack = stack
        self._home = home
        self.made: list[Site] = []

    def __call__(self, settings: Mapping[str, str] | None = None, /, *, ready: bool = True, **more: str) -> Site:
        """An API on the shared site's database with some settings changed.

        Args:
            settings: environment variables.
            ready: wait until /ready says so; False: until the process answers at all.
            more: environment variables as well.
        """
        home = self._home.with_settings(**(settings or {}), **more)
        site = self._stack.enter_context(running_site(home, ready=ready))
        self.made.append(site)
        return site
