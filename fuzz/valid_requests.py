"""Valid requests, one for every route. The tests disturb most of them; the others must succeed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.api.application import list_documented_routes
from app.db.models import VideoStatus
from fuzz.raw_requests import RawRequest, quoted
from testing.homes import unique
from testing.people import Player, sign_up_form
from testing.sites import Site


@dataclass
class World:
    """A site with an account and its videos, which the requests use."""

    site: Site
    clip: bytes
    player: Player = field(init=False)
    city: str = field(init=False)
    own: str = field(init=False)
    public: str = field(init=False)

    def __post_init__(self) -> None:
        self.city = unique("Ñandú")
        self.player = self.site.sign_up(city=self.city)
        self.own = self.site.publish_video(self.player)
        self.public = self.site.publish_video(self.player, votes=3)

    @classmethod
    def of(cls, site: Site, clip: Path) -> "World":
        return cls(site, clip.read_bytes())


def every_route() -> set[tuple[str, str]]:
    """Return the method and path of every API route."""
    return {(route.method, route.path) for route in list_documented_routes()}


def _json(**fields: object) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), json.dumps(value).encode()) for name, value in fields.items()]


def _sign_up(world: World, request: RawRequest) -> None:
    request.fields = _json(**sign_up_form(city=world.city, country="España"))


def _log_in(world: World, request: RawRequest) -> None:
    request.fields = _json(email=world.player.email, password=world.player.password)


def _refresh(world: World, request: RawRequest) -> None:
    request.fields = [(b"refresh_token", quoted(world.player.log_in()["refresh_token"]))]


def _log_out(world: World, request: RawRequest) -> None:
    request.token = world.player.log_in()["access_token"]


def _upload(world: World, request: RawRequest) -> None:
    request.token = world.player.access_token
    request.parts = [
        (b'Content-Disposition: form-data; name="title"', "Canción".encode()),
        (
            b'Content-Disposition: form-data; name="video_file"; filename="clip.mp4"\r\nContent-Type: video/mp4',
            world.clip,
        ),
    ]


def _signed_in(world: World, request: RawRequest) -> None:
    request.token = world.player.access_token


def _own(world: World, request: RawRequest) -> None:
    request.token = world.player.access_token
    request.path = request.path.replace(b"<video_id>", world.own.encode())


def _deletable(world: World, request: RawRequest) -> None:
    """Use a clip that may be deleted, because it is not published yet."""
    request.token = world.player.access_token
    video_id = world.site.publish_video(world.player, status=VideoStatus.UPLOADED, published=False)
    request.path = request.path.replace(b"<video_id>", video_id.encode())


def _public(world: World, request: RawRequest) -> None:
    request.path = request.path.replace(b"<video_id>", world.public.encode())


def _votable(world: World, request: RawRequest) -> None:
    request.token = world.player.access_token
    request.path = request.path.replace(b"<video_id>", world.site.publish_video(world.player).encode())


def _voted(world: World, request: RawRequest) -> None:
    video_id = world.site.publish_video(world.player)
    assert world.player.vote(video_id).status_code == 200
    request.token = world.player.access_token
    request.path = request.path.replace(b"<video_id>", video_id.encode())


def _vote_status(world: World, request: RawRequest) -> None:
    request.token = world.player.access_token
    _public(world, request)


def _page(world: World, request: RawRequest) -> None:
    city = "".join(f"%{byte:02X}" for byte in world.city.encode()).encode()
    request.query = [(b"limit", b"5"), (b"offset", b"0"), (b"order", b"votes"), (b"city", city)]


def _ranking(_: World, request: RawRequest) -> None:
    request.query = [(b"from", b"1"), (b"to", b"10"), (b"limit", b"5"), (b"offset", b"0"), (b"city", b"Bogota")]


def _plain(_: World, request: RawRequest) -> None:
    """Leave the request as it is."""
    assert request.query == []


VALID: dict[tuple[str, str], Callable[[World, RawRequest], None]] = {
    ("POST", "/api/auth/signup"): _sign_up,
    ("POST", "/api/auth/login"): _log_in,
    ("POST", "/api/auth/refresh"): _refresh,
    ("DELETE", "/api/auth"): _log_out,
    ("POST", "/api/videos/upload"): _upload,
    ("GET", "/api/videos"): _signed_in,
    ("GET", "/api/videos/original/<video_id>"): _own,
    ("GET", "/api/videos/processed/<video_id>"): _own,
    ("GET", "/api/videos/<video_id>"): _own,
    ("DELETE", "/api/videos/<video_id>"): _deletable,
    ("GET", "/api/public/videos"): _page,
    ("GET", "/api/public/videos/<video_id>"): _public,
    ("POST", "/api/public/videos/<video_id>/vote"): _votable,
    ("DELETE", "/api/public/videos/<video_id>/vote"): _voted,
    ("GET", "/api/public/videos/<video_id>/vote-status"): _vote_status,
    ("GET", "/api/public/rankings"): _ranking,
    ("GET", "/health"): _plain,
    ("GET", "/api/health"): _plain,
    ("GET", "/ready"): _plain,
    ("GET", "/metrics"): _plain,
    ("GET", "/openapi.json"): _plain,
    ("GET", "/docs"): _plain,
}


def valid_request(world: World, method: str, path: str) -> RawRequest:
    """Return a request to which the route must respond with success."""
    request = RawRequest(f"{method} {path}", method.encode(), path.encode())
    VALID[method, path](world, request)
    return request
