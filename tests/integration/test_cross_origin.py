"""CORS_ORIGINS lets pages of the listed origins read every response. Other pages can read only public responses."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from testing.answers import UNKNOWN_ID, refusal
from testing.homes import Home
from testing.people import sign_up_form
from testing.sites import Site, SiteMaker, running_site

pytestmark = pytest.mark.either_backend

SHOW, OTHER, UNKNOWN = "https://show.example.org", "http://localhost:3000", "https://unknown.example"
EXPOSED = {
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
}
PUBLIC_READS = (
    "/api/public/videos",
    "/api/public/videos?limit=x",
    f"/api/public/videos/{UNKNOWN_ID}",
    "/api/public/rankings/",
    "/api/public/rankings?city=Cali%E2%80%AE",
)
PREFLIGHTS = {
    "/api/auth/signup": {"POST"},
    "/api/auth/login": {"POST"},
    "/api/auth/refresh": {"POST"},
    "/api/auth": {"DELETE"},
    "/api/videos/upload": {"POST"},
    "/api/videos": {"GET"},
    f"/api/videos/{UNKNOWN_ID}": {"GET", "DELETE"},
    f"/api/videos/original/{UNKNOWN_ID}": {"GET"},
    f"/api/videos/processed/{UNKNOWN_ID}": {"GET"},
    "/api/public/videos": {"GET"},
    f"/api/public/videos/{UNKNOWN_ID}": {"GET"},
    f"/api/public/videos/{UNKNOWN_ID}/vote": {"POST", "DELETE"},
    f"/api/public/videos/{UNKNOWN_ID}/vote-status": {"GET"},
    "/api/public/rankings": {"GET"},
    "/health": {"GET"},
    "/ready": {"GET"},
}


@pytest.fixture(scope="module")
def open_site(home: Home) -> Iterator[Site]:
    with running_site(
        home.with_settings(CORS_ORIGINS=f"{SHOW}, {OTHER}", LOGIN_LIMIT_PER_ACCOUNT="2 per 19 hour")
    ) as site:
        yield site


def listed(value: str) -> set[str]:
    return {item.strip() for item in value.split(",")}


def allowed(answer: httpx.Response) -> str | None:
    """Assert that the response's CORS headers are consistent, and return the origin that it allows."""
    headers = answer.headers
    origin: str | None = headers.get("Access-Control-Allow-Origin")
    assert "Access-Control-Allow-Credentials" not in headers
    assert [name.lower() for name, _ in headers.multi_items()].count("access-control-allow-origin") <= 1
    assert origin is None or listed(headers["Access-Control-Expose-Headers"]) == EXPOSED
    assert ("Origin" in listed(headers.get("Vary", ""))) == (origin != "*")
    return origin


@pytest.mark.parametrize("origin", [SHOW, OTHER])
@pytest.mark.parametrize("path", PREFLIGHTS)
def test_a_preflight_names_the_methods_and_headers_of_its_route(open_site: Site, path: str, origin: str) -> None:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    for asked in (path, f"{path}/"):
        answer = open_site.api.options(asked, headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
        assert allowed(answer) == origin
        assert listed(answer.headers["Access-Control-Allow-Methods"]) == PREFLIGHTS[path]
        taken = {"Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"}
        assert listed(answer.headers["Access-Control-Allow-Headers"]) == taken
        assert answer.headers["Access-Control-Max-Age"] == "7200"


@pytest.mark.parametrize("origin", [UNKNOWN, "null", f"{SHOW}.evil.example", "https://SHOW.example.org/", ""])
def test_another_origin_may_only_read_public_routes(open_site: Site, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        open_site.api.options("/api/auth/login", headers=headers),
        open_site.api.get("/api/videos", headers=headers),
        open_site.api.post("/api/auth/login", json={}, headers=headers),
    ):
        assert allowed(answer) is None
    assert allowed(open_site.api.get("/api/public/videos", headers=headers)) == "*"


@pytest.mark.parametrize("path", PUBLIC_READS)
@pytest.mark.parametrize("headers", [{}, {"Origin": SHOW}, {"Origin": UNKNOWN}], ids=["none", "named", "unknown"])
def test_a_public_read_answers_every_origin_alike(open_site: Site, path: str, headers: dict[str, str]) -> None:
    for answer in (open_site.api.get(path, headers=headers), open_site.api.head(path, headers=headers)):
        assert allowed(answer) == "*"
        assert "Vary" not in answer.headers


def test_every_answer_to_a_named_origin_is_readable_whatever_its_status(open_site: Site) -> None:
    player, origin = open_site.sign_up(), {"Origin": SHOW}
    api, mine = open_site.api, {**origin, **player.headers}
    wrong = {"email": player.email, "password": "a wrong guess"}
    answers = {
        200: api.get("/api/videos", headers=mine),
        201: api.post("/api/auth/signup", json=sign_up_form(), headers=origin),
        400: api.post(f"/api/public/videos/{'x'}/vote", headers=mine),
        401: api.post("/api/auth/login", json=wrong, headers=origin),
        404: api.get(f"/api/videos/{UNKNOWN_ID}", headers=mine),
        405: api.put("/api/videos", headers=origin),
        413: api.post("/api/auth/login", content=b"x" * 70_000, headers=origin),
        422: api.post("/api/auth/login", json={}, headers=origin),
    }
    api.post("/api/auth/login", json=wrong, headers=origin)
    answers[429] = api.post("/api/auth/login", json=wrong, headers=origin)
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    assert {status: allowed(answer) for status, answer in answers.items()} == dict.fromkeys(answers, SHOW)
    assert allowed(api.get("/api/nothing", headers=origin)) == SHOW
    assert allowed(api.delete("/api/auth", headers=mine)) == SHOW


def test_a_redirect_to_a_clip_is_readable(open_site: Site) -> None:
    player = open_site.sign_up()
    answer = player.get(f"/api/videos/processed/{open_site.publish_video(player)}", headers={"Origin": SHOW})
    assert (answer.status_code, allowed(answer)) == (302, SHOW)


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (f"POST /api/auth/login HTTP/1.1\r\nOrigin: {SHOW}\r\nContent-Length: {10**12}\r\n\r\n", b"413"),
        (f"POST /api/auth/login HTTP/1.1\r\nOrigin: {SHOW}\r\nTransfer-Encoding: rot13\r\n\r\n", b"501"),
    ],
    ids=["too large", "an unknown encoding"],
)
def test_a_refusal_of_the_server_itself_is_readable(open_site: Site, request_head: str, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", open_site.port), timeout=10) as connection:
        connection.sendall(request_head.encode())
        head = connection.makefile("rb").read().partition(b"\r\n\r\n")[0]
    assert head.split()[1] == status
    assert f"access-control-allow-origin: {SHOW}".encode() in head.lower()
    assert b"vary: origin" in head.lower()


@pytest.mark.parametrize("path", ["/", "/ranking", "/signin", "/nothing"])
def test_a_page_is_for_no_other_origin_so_its_cached_copy_suits_everybody(open_site: Site, path: str) -> None:
    answer = open_site.api.get(path, headers={"Origin": SHOW})
    assert answer.headers["Content-Type"].startswith("text/html")
    assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


def test_without_the_setting_nothing_is_allowed(site: Site) -> None:
    headers = {"Origin": SHOW, "Access-Control-Request-Method": "POST"}
    preflight = site.api.options("/api/auth/login", headers=headers)
    assert refusal(preflight, 405)
    for answer in (preflight, site.api.get("/api/public/videos", headers=headers)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "Vary" not in answer.headers


def test_a_failing_dependency_is_readable(make_site: SiteMaker) -> None:
    site = make_site({"CORS_ORIGINS": SHOW, "S3_BUCKET": "there-is-no-such-bucket"}, ready=False)
    answer = site.api.get("/ready?deep=1", headers={"Origin": SHOW})
    assert (answer.status_code, allowed(answer)) == (503, SHOW)
    assert answer.headers["Retry-After"]
