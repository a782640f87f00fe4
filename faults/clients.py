"""The clients: they sign up, upload, vote, withdraw, delete and read, and record every response."""

import itertools
import threading
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from faults.chance import chance_of
from faults.history import Event, History
from faults.site import Site
from testing.people import PASSWORD

PATIENCE_SECONDS = 25.0
"""The timeout of a request."""

TRIES = 60
MOST_UNFINISHED = 6
"""While this many jobs are unfinished, players do not upload: the harness measures recovery, not waits in the queue."""

NUMBERS = itertools.count(1)
"""Request numbers. A number links the event of a request's start to the event of its end."""

CITIES = ("Bogotá", "Cali", "Medellín")


@dataclass
class Account:
    """A user's account, with its token."""

    id: str
    email: str
    token: str
    deleted: set[str] = field(default_factory=set)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Person:
    """A client that sends each request to a random API, as a load balancer would."""

    def __init__(self, name: str, site: Site, seed: object, stop: threading.Event) -> None:
        self.name = name
        self.chance = chance_of(name, seed)
        self.stop = stop
        self.site = site
        self.first_api: str | None = None
        """The API for the next request only; later requests are sent to a random API again."""
        self._history: History = site.history
        self._http = httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False, follow_redirects=False)

    def ask(self, op: str, method: str, path: str, **request: Any) -> Event:
        """Send a request, and return its event plus the response's `body`; without a response, `status` is None."""
        facts = request.pop("facts", {})
        api, url = self._choose()
        sent = self._history.note(self.name, "sent", op=op, api=api, number=next(NUMBERS), **facts)
        status, body, error, retry_after = None, None, None, None
        try:
            answer = self._http.request(method, url + path, **request)
            status, body, retry_after = answer.status_code, _parsed(answer), answer.headers.get("Retry-After")
        except httpx.HTTPError as failure:
            error = f"{type(failure).__name__}: {failure}"
        outcome = {"status": status, "error": error, "retry_after": retry_after, **facts}
        if status is None or status >= 400:
            outcome["detail"] = str(body)[:200] if body is not None else None
        outcome |= {"number": sent["number"], "began": sent["mono"]}
        event = self._history.note(self.name, "request", op=op, api=api, **outcome)
        return {**event, "body": body}

    def _choose(self) -> tuple[str, str]:
        apis = self.site.api_urls
        chosen, self.first_api = self.first_api or self.chance.choice(sorted(apis)), None
        return chosen, apis[chosen]

    def persist(self, op: str, method: str, path: str, **request: Any) -> Event:
        """Send a request, and repeat it, up to `TRIES` times, while the result is a 5xx, a 429 or no response."""
        event = self.ask(op, method, path, **request)
        for attempt in range(TRIES):
            if event["status"] is not None and event["status"] < 500 and event["status"] != 429:
                break
            if self.stop.wait(min(2.0, 0.2 * 2**attempt)):
                break
            event = self.ask(op, method, path, **request)
        return event

    def vote(self, account: Account, video: str) -> Event:
        facts = {"user": account.id, "video": video}
        return self.ask("vote", "POST", f"/api/public/videos/{video}/vote", headers=account.headers, facts=facts)

    def sign_up(self) -> Account | None:
        """Create an account. The request has an Idempotency-Key, so that it can be repeated safely."""
        email = f"{self.name}-{self.chance.getrandbits(40):x}@example.com"
        form = {"first_name": "Ana", "last_name": self.name, "email": email, "city": self.chance.choice(CITIES)}
        form |= {"password1": PASSWORD, "password2": PASSWORD}
        event = self.persist(
            "signup",
            "POST",
            "/api/auth/signup",
            json=form,
            headers={"Idempotency-Key": str(uuid.uuid4())},
            facts={"email": email},
        )
        created = event["body"] if event["status"] == 201 else None
        return Account(created["id"], email, created["access_token"]) if created else None

    def close(self) -> None:
        self._http.close()


class Player(Person):
    """Uploads clips, lists them, and sometimes deletes one."""

    def live(self) -> None:
        accounts: list[Account] = []
        while not self.stop.is_set():
            if len(accounts) < 2 or self.chance.random() < 0.1:
                accounts += filter(None, [self.sign_up()])
            elif self.site.ledger.unfinished(MOST_UNFINISHED) >= MOST_UNFINISHED:
                self._look(self.chance.choice(accounts))
                self.stop.wait(0.5)
            else:
                self._play(self.chance.choice(accounts))

    def _play(self, account: Account) -> None:
        key = str(uuid.UUID(int=self.chance.getrandbits(128)))
        clip = self.chance.choice(self.site.clips.sound)
        event = self.upload(account, clip, key)
        if event["status"] != 201:
            return
        if self.chance.random() < 0.15:
            self.upload(account, clip, key)
        if self.chance.random() < 0.15:
            self._delete(account, event["body"]["task_id"])
        self.stop.wait(self.chance.uniform(0.1, 0.6))

    def upload(self, account: Account, clip: Path, key: str, *, poison: str | None = None) -> Event:
        """Upload a clip, with retries. `key` is the Idempotency-Key and the title, so it is also in the database."""
        event = self.persist(
            "upload",
            "POST",
            "/api/videos/upload",
            data={"title": key},
            files={"video_file": (clip.name, clip.read_bytes(), "video/mp4")},
            headers={**account.headers, "Idempotency-Key": key},
            facts={"key": key, "user": account.id, "poison": poison},
        )
        if event["status"] == 201:
            self._history.note(self.name, "accepted", key=key, video=event["body"]["task_id"], poison=poison)
        return event

    def _delete(self, account: Account, video: str) -> None:
        self.stop.wait(self.chance.choice((0.0, 0.5, 1.5)))
        event = self.persist(
            "delete", "DELETE", f"/api/videos/{video}", headers=account.headers, facts={"video": video}
        )
        if event["status"] in {200, 404, None}:
            account.deleted.add(video)
        self._look(account)

    def _look(self, account: Account) -> None:
        event = self.ask("list_own", "GET", "/api/videos", headers=account.headers)
        if event["status"] == 200:
            seen = [video["video_id"] for video in event["body"]]
            self._history.note(self.name, "saw", user=account.id, ids=seen, began=event["began"])


class Voter(Person):
    """Votes (sometimes with two simultaneous requests), withdraws votes, and checks whether an account has voted."""

    def live(self) -> None:
        accounts: list[Account] = []
        while not self.stop.is_set():
            if len(accounts) < 3 or self.chance.random() < 0.05:
                accounts += filter(None, [self.sign_up()])
                continue
            videos = self._public()
            if videos:
                self._act(self.chance.choice(accounts), self.chance.choice(videos))
            self.stop.wait(self.chance.uniform(0.2, 0.8))

    def _public(self) -> list[str]:
        event = self.ask("list_public", "GET", "/api/public/videos?limit=100")
        seen = [video["video_id"] for video in event["body"]] if event["status"] == 200 else []
        self._history.note(self.name, "saw", user=None, ids=seen, began=event["began"])
        return seen

    def _act(self, account: Account, video: str) -> None:
        path = f"/api/public/videos/{video}/vote"
        about = {"headers": account.headers, "facts": {"user": account.id, "video": video}}
        choice = self.chance.random()
        if choice < 0.2:
            self._twice(lambda: self.vote(account, video))
        elif choice < 0.6:
            self.vote(account, video)
        elif choice < 0.85:
            self.ask("withdraw", "DELETE", path, **_copy(about))
        else:
            event = self.ask("vote_status", "GET", f"{path}-status", **_copy(about))
            if event["status"] == 200:
                facts = {"user": account.id, "video": video, "voted": event["body"]["has_voted"]}
                self._history.note(self.name, "saw_vote", began=event["began"], **facts)

    def _twice(self, act: Callable[[], Event]) -> None:
        with ThreadPoolExecutor(2) as threads:
            for future in [threads.submit(act) for _ in range(2)]:
                future.result()


def _copy(about: dict[str, Any]) -> dict[str, Any]:
    return {**about, "facts": dict(about["facts"])}


def _parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


class Crowd:
    """All clients of a run, each in its own thread."""

    def __init__(self, site: Site, seed: int, *, players: int = 2, voters: int = 2) -> None:
        self.stop = threading.Event()
        self.people: list[Player | Voter] = [
            *(Player(f"player-{number}", site, seed, self.stop) for number in range(1, players + 1)),
            *(Voter(f"voter-{number}", site, seed, self.stop) for number in range(1, voters + 1)),
        ]
        self.broken: list[str] = []
        """Clients that stopped because of an error in the harness."""
        self._threads = [
            threading.Thread(target=self._live, args=(person,), name=person.name, daemon=True) for person in self.people
        ]

    def _live(self, person: Player | Voter) -> None:
        try:
            person.live()
        except Exception:  # noqa: BLE001 (the report shows it)
            self.broken.append(f"{person.name}: {traceback.format_exc()}")

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let each client finish its current request, then stop."""
        self.stop.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_SECONDS)
        for person in self.people:
            person.close()
