"""Players, voters and readers in a rehearsal. They send their requests through the load balancer."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import httpx

from rehearsal.site import FOLDER, Rehearsal
from testing.clips import make_clip
from testing.people import sign_up_form

READS = ("/api/public/videos", "/api/public/rankings", "/health")


@dataclass(frozen=True)
class Person:
    """A user with an account, who uploads and votes."""

    client: httpx.Client
    login: Mapping[str, str]
    """The body of a request that signs in."""
    headers: dict[str, str]

    @classmethod
    def new(cls, site: Rehearsal, **about: str) -> Self:
        """Sign up a new user."""
        client, form = site.client(), sign_up_form(**about)
        answer = expect(client.post("/api/auth/signup", json=form), 201)
        return cls(client, {"email": form["email"], "password": form["password1"]}, bearer(answer))

    def signed_in_again(self) -> Self:
        """Return the same user with a new session. An access token expires after 15 minutes."""
        return replace(self, headers=bearer(expect(self.client.post("/api/auth/login", json=self.login), 200)))

    def send(self, clip: Path, title: str) -> httpx.Response:
        """Upload a clip, and return the response."""
        with clip.open("rb") as content:
            files = {"video_file": ("clip.mp4", content, "video/mp4")}
            return self.client.post("/api/videos/upload", data={"title": title}, files=files, headers=self.headers)

    def upload(self, clip: Path, title: str = "Rehearsal") -> str:
        """Upload a clip, and return its video's ID."""
        return str(expect(self.send(clip, title), 201)["task_id"])

    def video(self, video_id: str) -> Any:
        """Return a video as its owner sees it."""
        return expect(self.client.get(f"/api/videos/{video_id}", headers=self.headers), 200)

    def is_done(self, video_id: str) -> bool:
        """Return whether the clip is processed; raise AssertionError if its processing failed."""
        video = self.video(video_id)
        assert video["status"] in {"uploaded", "processing", "processed"}, video
        return bool(video["status"] == "processed")

    def vote(self, video_id: str) -> httpx.Response:
        """Vote for a clip."""
        return self.client.post(f"/api/public/videos/{video_id}/vote", headers=self.headers)


def bearer(tokens: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request that is signed in with these tokens."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def expect(answer: httpx.Response, status: int) -> Any:
    """Return the response's JSON; its status must be `status`."""
    assert answer.status_code == status, f"{answer.request.url}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


def clip() -> Path:
    """Return a valid clip that is cheap to upload and to render."""
    path = FOLDER / "clip.mp4"
    return path if path.exists() else make_clip(path, fps=1)


Act = Callable[[httpx.Client], httpx.Response]


@dataclass(frozen=True)
class Errand:
    """A request that is repeated every `seconds`."""

    act: Act
    seconds: float


def reading(count: int, *, per_second: float) -> list[Errand]:
    """Return the errands of `count` readers, each of which sends `per_second` requests per second."""
    paths = itertools.cycle(READS)
    return [Errand(lambda client: client.get(next(paths)), 1 / per_second)] * count


@dataclass
class Traffic:
    """Repeats each errand in its own thread until the `with` block ends, and counts the outcomes."""

    site: Rehearsal
    errands: Sequence[Errand]
    outcomes: Counter[str] = field(default_factory=Counter)
    _end: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._run, args=(each,), daemon=True) for each in self.errands]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(120)

    @property
    def failures(self) -> dict[str, int]:
        """Every outcome other than a 2xx status, with its count."""
        return {outcome: count for outcome, count in self.outcomes.items() if not outcome.startswith("2")}

    @property
    def total(self) -> int:
        return self.outcomes.total()

    def _run(self, errand: Errand) -> None:
        with self.site.client() as client:
            while not self._end.wait(errand.seconds):
                try:
                    outcome = str(errand.act(client).status_code)
                except StopIteration:
                    return
                except httpx.TransportError as error:
                    outcome = type(error).__name__
                self.outcomes[outcome] += 1
