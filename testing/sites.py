"""A whole site of real processes, for tests of the platform's behaviour."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import peewee

from app.db.models import TABLES, Job, JobState, User, Video, VideoStatus
from demo.ports import free_port
from testing.answers import Json
from testing.homes import PROGRAMS, Backend, Bucket, Home, unique
from testing.people import Player, sign_up_form
from testing.preloaded import PreloadedSubprocess
from testing.processes import Subprocess, wait_until


@dataclass
class Site:
    """An API process (and, on request, a worker and upkeep) with its database, queue and store."""

    home: Home
    url: str
    api: httpx.Client
    database: Any
    """A Peewee database. It has no type here, because Peewee's `execute_sql` has none."""
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
        """The logs of all processes of this site."""
        return "".join(process.log.read_text(errors="replace") for process in self.processes.values())

    def sign_up(self, *, city: str | None = None, **fields: str | None) -> Player:
        """Create an account through the API, and return it with its access token."""
        body = {**sign_up_form(), **({"city": city} if city else {}), **fields}
        answer = self.api.post("/api/auth/signup", json=body)
        assert answer.status_code == 201, answer.text
        created = answer.json()
        return Player(
            self,
            created["id"],
            created["email"],
            str(body["password1"]),
            created["first_name"],
            created["last_name"],
            created["city"],
            created["access_token"],
        )

    def publish_video(
        self,
        owner: Player,
        *,
        votes: int = 0,
        title: str = "Clip",
        status: VideoStatus = VideoStatus.PROCESSED,
        published: bool = True,
        deleted: bool = False,
        age: float = 0,
    ) -> str:
        """Insert a clip into the database as if it had been rendered `age` seconds ago, and return its ID."""
        video_id = uuid.uuid4()
        rendered = status is VideoStatus.PROCESSED
        # The database runs on this machine, so its clock and this process's clock agree.
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

    def video_count(self, owner: Player) -> int:
        """Return the number of the account's videos, including deleted ones."""
        with self.tables():
            return int(Video.select().where(Video.user == uuid.UUID(owner.id)).count())

    def account_count(self, email: str) -> int:
        """Return the number of accounts with an e-mail address, ignoring case."""
        with self.tables():
            return int(User.select().where(peewee.fn.LOWER(User.email) == email.lower()).count())

    def wait_until(self, owner: Player, video_id: str, status: str, *, seconds: float = 120) -> Json:
        """Poll GET /api/videos/<id> as the owner until the clip has `status`, and return the last response."""
        seen: list[Json] = []

        def reached() -> bool:
            seen[:] = [owner.get(f"/api/videos/{video_id}").json()]
            assert seen[0]["status"] in {"uploaded", "processing", status}, seen[0]
            return bool(seen[0]["status"] == status)

        wait_until(reached, what=f"status {status}", seconds=seconds)
        return seen[0]

    def token(self, player: Player, **claims: object) -> str:
        """Return the player's token with changed claims (None removes one), signed with the site's secret."""
        mine = {**jwt.decode(player.access_token, options={"verify_signature": False}), **claims}
        return jwt.encode(
            {name: value for name, value in mine.items() if value is not None},
            self.environment["JWT_SECRET"],
            algorithm=str(jwt.get_unverified_header(player.access_token)["alg"]),
        )


@contextmanager
def running_site(home: Home, *, with_worker: bool = False, ready: bool = True) -> Iterator[Site]:
    """Run a site during the `with` block. Before the block, wait until /ready (or only /health) returns 200."""
    port = free_port()
    commands = {"api": ["rising-stars-api", "--listen", f"127.0.0.1:{port}"]}
    if with_worker:
        commands |= {"worker": ["rising-stars-worker"], "upkeep": ["rising-stars-upkeep"]}
    # trust_env=False makes the client ignore this machine's proxy settings.
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as api:
        site = Site(home, f"http://127.0.0.1:{port}", api, _database(home.environment["DATABASE_URL"]))
        try:
            for name, (program, *arguments) in commands.items():
                site.processes[name] = _start([program, *arguments], home, name)
            site.processes["api"].wait_until(
                lambda: _answers(api, "/ready" if ready else "/health"), what="the API's start"
            )
            yield site
        finally:
            for process in reversed(site.processes.values()):
                process.stop()
            site.database.close()


def _start(command: list[str], home: Home, name: str) -> Subprocess:
    log = home.folder / f"{unique(name)}.log"
    if "PYTHONPATH" in home.environment:  # PYTHONPATH selects another version of the code
        program, *arguments = command
        return Subprocess([str(PROGRAMS / program), *arguments], log=log, environment=home.environment)
    return PreloadedSubprocess(command, log=log, environment=home.environment)


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
    """Starts more API processes that share one site's `Home`, with changed settings; stops them when the test ends."""

    def __init__(self, stack: ExitStack, home: Home) -> None:
        self._stack = stack
        self._home = home
        self.made: list[Site] = []

    def __call__(self, settings: Mapping[str, str] | None = None, /, *, ready: bool = True, **more: str) -> Site:
        """Start an API with some settings changed; it shares the home's database, queue and bucket.

        Args:
            settings: environment variables.
            ready: wait until /ready returns 200; if False, wait only until /health does.
            more: further environment variables.
        """
        home = self._home.with_settings(**(settings or {}), **more)
        site = self._stack.enter_context(running_site(home, ready=ready))
        self.made.append(site)
        return site
