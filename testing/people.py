"""The users of test sites: players and voters, who use a site through its API."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from testing.answers import Json
from testing.homes import unique

if TYPE_CHECKING:
    from testing.sites import Site

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Player:
    """An account and its access token: a player, a voter, or both."""

    site: "Site"
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
        """Send a request with this account's token."""
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
        """Upload `clip` in a multipart form, as a browser does."""
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
        """Start another session of this account, and return the response with its tokens."""
        answer = self.site.api.post("/api/auth/login", json={"email": self.email, "password": self.password})
        assert answer.status_code == 200, answer.text
        return answer.json()


def sign_up_form(**fields: object) -> dict[str, Any]:
    """Return a complete, valid body for POST /api/auth/signup, with a unique e-mail address."""
    return {
        "first_name": "Ana",
        "last_name": unique("Rojas"),
        "email": f"{unique('ana')}@example.com",
        "password1": PASSWORD,
        "password2": PASSWORD,
        **fields,
    }
