"""A REST API client for the story, which raises `DemoError` for unexpected responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import httpx

from demo.errors import DemoError

TIMEOUT_SECONDS = 60
PASSWORD = "tiro-de-tres"  # noqa: S105 - for accounts that exist only during the demo


@dataclass(frozen=True)
class Answer:
    """A response from the API: its status code and its parsed JSON."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        """The API's message for the user, whether the request succeeded or failed."""
        return str(self.body.get("message") or self.body.get("detail"))


@dataclass(frozen=True)
class Player:
    """A signed-in account."""

    first_name: str
    last_name: str
    city: str
    token: str

    @property
    def name(self) -> str:
        """The name that the platform shows."""
        return f"{self.first_name} {self.last_name}"

    @property
    def authorization(self) -> dict[str, str]:
        """The Authorization header."""
        return {"Authorization": f"Bearer {self.token}"}


class Client:
    """An HTTP client of one site. It ignores the environment's proxy settings."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_up(self, first_name: str, last_name: str, city: str) -> tuple[Player, Answer]:
        """Create an account."""
        email = f"{first_name}.{last_name}@example.com"
        body = {"first_name": first_name, "last_name": last_name, "email": email, "city": city}
        body |= {"country": "Colombia", "password1": PASSWORD, "password2": PASSWORD}
        answer = self._ask("POST", "/api/auth/signup", HTTPStatus.CREATED, json=body)
        return Player(first_name, last_name, city, answer.body["access_token"]), answer

    def upload(self, player: Player, title: str, clip: Path) -> Answer:
        """Upload a clip; the response may be an error."""
        with clip.open("rb") as file:
            return self._ask(
                "POST",
                "/api/videos/upload",
                HTTPStatus.CREATED,
                HTTPStatus.BAD_REQUEST,
                headers=player.authorization,
                data={"title": title},
                files={"video_file": (clip.name, file, "video/mp4")},
            )

    def video(self, player: Player, video_id: str) -> dict[str, Any]:
        """Return a player's own video, with its status and progress."""
        answer = self._ask("GET", f"/api/videos/{video_id}", HTTPStatus.OK, headers=player.authorization)
        return dict(answer.body)

    def vote(self, player: Player, video_id: str) -> Answer:
        """Vote for a video; the response may be an error."""
        path = f"/api/public/videos/{video_id}/vote"
        return self._ask("POST", path, HTTPStatus.OK, HTTPStatus.BAD_REQUEST, headers=player.authorization)

    def ranking(self, city: str | None = None) -> list[dict[str, Any]]:
        """Return the ranking for all cities or for one."""
        parameters: Mapping[str, str] = {"city": city} if city else {}
        return list(self._ask("GET", "/api/public/rankings", HTTPStatus.OK, params=parameters).body)

    def save(self, url: str, path: Path) -> None:
        """Download from a presigned URL to `path`."""
        with self._http.stream("GET", url) as response, path.open("wb") as file:
            if response.status_code != HTTPStatus.OK:
                raise DemoError(f"The store returned {response.status_code} for a presigned URL.")
            for block in response.iter_bytes():
                file.write(block)

    def _ask(self, method: str, path: str, *expected: int, **request: Any) -> Answer:
        response = self._http.request(method, path, **request)
        if response.status_code not in expected:
            raise DemoError(f"{method} {path} returned {response.status_code}: {response.text[:500]}")
        return Answer(response.status_code, response.json())
