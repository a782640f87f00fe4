"""A running site behaves as its OpenAPI document says: successes, errors, HEAD, OPTIONS and the headers."""

import json
import uuid
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from peewee import SQL
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.api.application import list_documented_routes
from app.api.openapi import build_document
from app.config import MAX_CLIP_BYTES
from app.db.models import Video, VideoStatus
from fuzz.raw_requests import BOUNDARY, RawRequest
from fuzz.valid_requests import World, valid_request
from testing.answers import UNKNOWN_ID
from testing.cables import Cable
from testing.clips import make_clip, pad_to_size
from testing.homes import Home, unique
from testing.people import Player, sign_up_form
from testing.sites import Site, running_site

pytestmark = pytest.mark.either_backend

Json = Any

ROUTES = list_documented_routes()
DOCUMENT = build_document(ROUTES)
UPLOAD = "/api/videos/upload"
VIDEOS = "/api/public/videos"


def documented(method: str, path: str) -> Json:
    return DOCUMENT["paths"][path.replace("<", "{").replace(">", "}")][method.lower()]


def check_against_document(method: str, path: str, answer: httpx.Response) -> None:
    """Assert that the status is documented, and that the body and the headers agree with the document."""
    responses = documented(method, path)["responses"]
    assert str(answer.status_code) in responses, (method, path, answer.status_code, answer.text)
    response = responses[str(answer.status_code)]
    assert set(response.get("headers", {})) - {"Link"} <= {canonical(name) for name in answer.headers}
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert (kind in response.get("content", {})) == bool(answer.content), (method, path, kind)
    if kind == "application/json":
        validate(answer.json(), response["content"][kind]["schema"])


def canonical(name: str) -> str:
    return next((known for known in DOCUMENT["components"]["headers"] if known.lower() == name.lower()), name)


def validate(value: object, schema: Json) -> None:
    """Validate against a schema of the document. A field that the schema does not list is an error, too."""
    contents = json.loads(json.dumps(DOCUMENT))
    for component in contents["components"]["schemas"].values():
        if component.get("type") == "object":
            component["additionalProperties"] = False
    registry: Registry[Any] = Registry().with_resource("urn:document", DRAFT202012.create_resource(contents))
    pointed = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
    OAS31Validator(pointed, registry=registry).validate(value)


def perform(site: Site, request: RawRequest) -> httpx.Response:
    query = b"&".join(b"%s=%s" % pair for pair in request.query).decode()
    headers = {"Authorization": f"Bearer {request.token}"} if request.token else {}
    if request.parts is not None:
        headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    url = request.path.decode() + (f"?{query}" if query else "")
    return site.api.request(request.method.decode(), url, headers=headers, content=request.freeze())


@pytest.fixture(scope="module")
def world(site: Site, small_clip: Path) -> World:
    return World.of(site, small_clip)


# The document itself


def test_the_site_serves_the_document_that_the_command_prints(site: Site) -> None:
    answer = site.api.get("/openapi.json")
    assert (answer.status_code, answer.json()) == (200, json.loads(json.dumps(DOCUMENT)))
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    known = site.api.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")


# Every route


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_the_success_of_a_route_agrees_with_the_document(site: Site, world: World, route: Any) -> None:
    answer = perform(site, valid_request(world, route.method, route.path))
    check_against_document(route.method, route.path, answer)
    assert answer.status_code < 400


@pytest.mark.parametrize("route", [r for r in ROUTES if r.method == "GET"], ids=lambda route: str(route.path))
def test_head_has_the_status_and_headers_of_get_without_a_body(site: Site, world: World, route: Any) -> None:
    request = valid_request(world, "GET", route.path)
    got = perform(site, request)
    request.method = b"HEAD"
    head = perform(site, request)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert set(head.headers) == set(got.headers)
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_options_returns_405_with_the_methods_of_the_path(site: Site, path: str) -> None:
    answer = site.api.options(path.replace("<video_id>", UNKNOWN_ID))
    assert answer.status_code == 405
    allowed = {name.strip() for name in answer.headers["Allow"].split(",")}
    assert {route.method for route in ROUTES if route.path == path} <= allowed


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*;q=0.1", "nonsense"])
def test_the_api_answers_in_json_whatever_the_client_accepts(site: Site, accept: str) -> None:
    answer = site.api.get("/api/public/rankings", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("sent", ["application/json", "text/plain", "application/xml", "nonsense", None])
def test_a_json_body_is_read_whatever_its_content_type(site: Site, sent: str | None) -> None:
    body = json.dumps(sign_up_form())
    answer = site.api.post("/api/auth/signup", content=body, headers={"Content-Type": sent} if sent else {})
    assert answer.status_code == 201


@pytest.mark.parametrize("sent", ["application/json", "application/x-www-form-urlencoded", "video/mp4", "nonsense"])
def test_an_upload_of_another_media_type_is_refused(errors: "Errors", sent: str) -> None:
    answer = errors.player.request("POST", UPLOAD, content=b"title=Clip", headers={"Content-Type": sent})
    check_error("ShapeInvalid", answer)
    assert answer.json()["detail"][0]["msg"] == "Send multipart/form-data with title and video_file"


# Every error


class Errors:
    """Makes a site return each error of the document."""

    def __init__(self, site: Site, folder: Path, small_clip: Path) -> None:
        self.site = site
        self.folder = folder
        self.small_clip = small_clip

    @cached_property
    def player(self) -> Player:
        return self.site.sign_up()

    @cached_property
    def own(self) -> str:
        return self.site.publish_video(self.player)

    @cached_property
    def public(self) -> str:
        return self.site.publish_video(self.site.sign_up())

    def get(self, path: str) -> httpx.Response:
        return self.player.get(path)

    def vote(self, video_id: str) -> httpx.Response:
        return self.player.vote(video_id)

    def sign_up(self, headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
        return self.site.api.post("/api/auth/signup", json=sign_up_form(**fields), headers=headers or {})

    def upload(self, clip: Path | None = None, title: str = "Clip") -> httpx.Response:
        return self.player.upload(clip or self.small_clip, title=title)

    def clip(self, **properties: Any) -> Path:
        path = self.folder / f"{unique('clip')}.mp4"
        return make_clip(path, **{"fps": 1, "picture": "color=c=orange", "audio": None, **properties})

    def already_voted(self) -> httpx.Response:
        self.vote(self.public)
        return self.vote(self.public)

    def key_reused(self) -> httpx.Response:
        key = {"Idempotency-Key": unique("key")}
        self.sign_up(key)
        return self.sign_up(key)

    def foreign(self) -> httpx.Response:
        return self.get(f"/api/videos/{self.public}")

    def too_large(self) -> httpx.Response:
        path = self.folder / "large.mp4"
        path.write_bytes(self.small_clip.read_bytes())
        pad_to_size(path, MAX_CLIP_BYTES + 1)
        return self.upload(path)

    def text(self) -> httpx.Response:
        path = self.folder / "text.mp4"
        path.write_text("I am a video, honestly.\n" * 1000)
        return self.upload(path)

    def no_file(self) -> httpx.Response:
        return self.player.request("POST", UPLOAD, data={"title": "a"}, files={"other": b"x"})

    def two_files(self) -> httpx.Response:
        files = [("video_file", ("a.mp4", b"x", "video/mp4")), ("video_file", ("b.mp4", b"x", "video/mp4"))]
        return self.player.request("POST", UPLOAD, data={"title": "a"}, files=files)

    def not_processed(self) -> httpx.Response:
        waiting = self.site.publish_video(self.player, status=VideoStatus.UPLOADED, published=False)
        return self.get(f"/api/videos/processed/{waiting}")

    def many_logins(self) -> httpx.Response:
        body = {"email": self.player.email, "password": "a wrong guess"}
        return [self.site.api.post("/api/auth/login", json=body) for _ in range(4)][-1]

    def corrupt_row(self) -> httpx.Response:
        player = self.site.sign_up()
        video_id = self.site.publish_video(player, published=False)
        with self.site.tables():
            Video.update(status=SQL("'unheard of'")).where(Video.id == uuid.UUID(video_id)).execute()
        return player.get(f"/api/videos/{video_id}")

    def wrong_city(self) -> httpx.Response:
        return self.sign_up({"X-Verification-Secret": self.site.environment["VERIFICATION_SECRET"]}, city="Bogotá")


PRODUCED: dict[str, Callable[[Errors], httpx.Response]] = {
    "AlreadyVoted": Errors.already_voted,
    "BlankTitle": lambda at: at.upload(title=" "),
    "ClipDurationOutOfRange": lambda at: at.upload(at.clip(seconds=5)),
    "ClipResolutionTooHigh": lambda at: at.upload(at.clip(width=8200, height=1080)),
    "ClipResolutionTooLow": lambda at: at.upload(at.clip(width=1280, height=720)),
    "ClipTooLarge": Errors.too_large,
    "EmailTaken": lambda at: at.sign_up(email=at.player.email),
    "IdempotencyKeyReused": Errors.key_reused,
    "InternalError": Errors.corrupt_row,
    "InvalidClipType": Errors.text,
    "InvalidCredentials": lambda at: at.site.api.post(
        "/api/auth/login", json={"email": f"{unique('nobody')}@example.com", "password": "a wrong guess"}
    ),
    "InvalidVideoId": lambda at: at.vote("abc"),
    "JsonTooLarge": lambda at: at.site.api.post("/api/auth/login", content=b" " * 70_000),
    "MalformedId": lambda at: at.get("/api/videos/abc"),
    "MultipartBroken": Errors.two_files,
    "NotAllowed": Errors.foreign,
    "NotSignedIn": lambda at: at.site.api.get("/api/videos"),
    "OwnVideo": lambda at: at.vote(at.own),
    "PasswordsDiffer": lambda at: at.sign_up(password2="another password"),
    "PublicVideoNotFound": lambda at: at.get(f"{VIDEOS}/{UNKNOWN_ID}"),
    "QueryInvalid": lambda at: at.get("/api/public/rankings?limit=101"),
    "ShapeInvalid": Errors.no_file,
    "TitleChangesDirection": lambda at: at.upload(title="a\u202eb"),
    "TitleNotText": lambda at: at.upload(title="a\x00b"),
    "TitleTooLong": lambda at: at.upload(title="x" * 201),
    "TooManyRequests": Errors.many_logins,
    "UnknownCursor": lambda at: at.get(f"{VIDEOS}?cursor=abc"),
    "VerificationCityTooOrdinary": Errors.wrong_city,
    "VerificationRefused": lambda at: at.sign_up({"X-Verification-Secret": "wrong"}),
    "VideoAlreadyPublished": lambda at: at.player.request("DELETE", f"/api/videos/{at.own}"),
    "VideoNotFound": lambda at: at.get(f"/api/videos/{UNKNOWN_ID}"),
    "VideoNotProcessed": Errors.not_processed,
    "VoteNotFound": lambda at: at.player.request("DELETE", f"{VIDEOS}/{at.own}/vote"),
}
ELSEWHERE = {"QueueFull", "Unavailable"}
"""Errors that need a site of their own; each has its own test below."""

VARYING = {"InternalError", "QueryInvalid", "ShapeInvalid", "TooManyRequests", "InvalidClipType", "MultipartBroken"}
"""Errors whose texts depend on the request. InternalError is among them, because the site logs it."""


@pytest.fixture(scope="module")
def errors(home: Home, tmp_path_factory: pytest.TempPathFactory, small_clip: Path) -> Iterator[Errors]:
    strict = home.with_settings(
        ALLOW_SELF_VOTE="false",
        LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS="3 per 17 hour",
    )
    with running_site(strict) as site:
        yield Errors(site, tmp_path_factory.mktemp("errors"), small_clip)


def test_every_error_of_the_document_is_produced() -> None:
    assert set(PRODUCED) | ELSEWHERE == set(DOCUMENT["components"]["examples"])


@pytest.mark.parametrize("name", PRODUCED)
def test_an_error_has_the_status_the_text_and_the_headers_that_the_document_shows(errors: Errors, name: str) -> None:
    check_error(name, PRODUCED[name](errors))


def test_a_site_with_a_full_queue_returns_the_documented_error(home: Home, small_clip: Path) -> None:
    with running_site(home.with_settings(MAX_QUEUED_JOBS="1")) as site:
        player = site.sign_up()
        check_error("QueueFull", [player.upload(small_clip) for _ in range(2)][-1])


def test_a_site_without_its_store_returns_the_documented_error(
    home: Home, small_clip: Path, lay_cable: Callable[[int], Cable]
) -> None:
    cable = lay_cable(home.bucket.port)
    with running_site(home.with_settings(AWS_ENDPOINT_URL=f"http://127.0.0.1:{cable.port}")) as site:
        player = site.sign_up()
        cable.cut()
        check_error("Unavailable", player.upload(small_clip))


def check_error(name: str, answer: httpx.Response) -> None:
    """Assert that a response is the error of this name, on a route and with a status that the document lists for it."""
    route = route_of(answer.request)
    check_against_document(route.method, route.path, answer)
    content = documented(route.method, route.path)["responses"][str(answer.status_code)]["content"]
    assert name in content["application/json"]["examples"], answer.text
    example = DOCUMENT["components"]["examples"][name]["value"]
    assert answer.json() == example or name in VARYING, answer.text


def route_of(request: httpx.Request) -> Any:
    """Return the route of a request, the one with the fewest wildcards if several match."""
    asked = request.url.path.split("/")

    def matches(path: str) -> bool:
        parts = path.split("/")
        return len(parts) == len(asked) and all(a == b or a[:1] == "<" for a, b in zip(parts, asked, strict=True))

    found = [route for route in ROUTES if route.method == request.method and matches(route.path)]
    return min(found, key=lambda route: route.path.count("<"))
