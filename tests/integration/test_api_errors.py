"""Every error response has the right status and a JSON body, and no secret is logged."""

import json
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
from peewee import SQL

from app.db.models import Video
from testing.answers import refusal, shape_refusal
from testing.homes import unique
from testing.people import PASSWORD, sign_up_form
from testing.processes import wait_until
from testing.sites import Site

pytestmark = pytest.mark.either_backend

ROUTES = (
    ("POST", "/api/auth/signup"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/refresh"),
    ("DELETE", "/api/auth"),
    ("POST", "/api/videos/upload"),
    ("GET", "/api/videos"),
    ("GET", "/api/public/videos"),
    ("GET", "/api/public/rankings"),
    ("GET", "/api/health"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
)
JSON_ROUTES = ("/api/auth/signup", "/api/auth/login", "/api/auth/refresh")


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/auth/nothing",
        "/api/videos/a/b/c",
        "/api/%00",
        "/api/%FF",
        "/ready/nothing",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_route_is_not_found(site: Site, method: str, path: str) -> None:
    assert refusal(site.api.request(method, path), 404)


@pytest.mark.parametrize(("right", "path"), ROUTES)
def test_another_method_is_not_allowed(site: Site, right: str, path: str) -> None:
    for method in ({"GET", "POST", "PUT", "PATCH", "DELETE"} - {right}) - _also_allowed(path):
        answer = site.api.request(method, path)
        assert refusal(answer, 405)
        assert right in answer.headers.get("Allow", right)


def _also_allowed(path: str) -> set[str]:
    """Return the methods of `/api/videos/{id}` if the path also matches that route, as `/api/videos/upload` does."""
    return {"GET", "DELETE"} if path == "/api/videos/upload" else set()


@pytest.mark.parametrize("path", ["/health", "/api/public/videos", "/api/public/rankings"])
def test_head_answers_like_get_without_a_body(site: Site, path: str) -> None:
    answer = site.api.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b'{"email": "\xff"}',
        b"{'email': 1}",
        b"\x00",
        b"[" * 20_000,
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("path", JSON_ROUTES)
def test_a_body_that_is_not_a_json_object_is_refused_with_a_list(site: Site, path: str, body: bytes) -> None:
    answer = site.api.post(path, content=body, headers={"Content-Type": "application/json"})
    detail = refusal(answer, 422)
    assert isinstance(detail, list)
    assert {"loc", "msg", "type"} <= set(detail[0])


@pytest.mark.parametrize("path", JSON_ROUTES)
def test_an_oversized_json_body_is_refused_even_in_chunks(site: Site, path: str) -> None:
    whole = json.dumps({"padding": "x" * 1_000_000}).encode()

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(whole), 65_536):
            yield whole[start : start + 65_536]

    for content in (whole, chunks()):
        answer = site.api.post(path, content=content, headers={"Content-Type": "application/json"})
        assert refusal(answer, 413)


def test_the_refusal_of_a_body_does_not_repeat_its_content(site: Site) -> None:
    answer = site.api.post("/api/auth/signup", json=sign_up_form(password1="sEcReT1"))
    assert shape_refusal(answer, "password1")
    assert "sEcReT1" not in answer.text


def raw(site: Site, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send raw bytes and return the response's status, headers (names in lower case) and body."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        connection.sendall(request)
        with closing(connection.makefile("rb")) as answer:
            status = int(answer.readline().split()[1])
            headers: dict[str, str] = {}
            while line := answer.readline().strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            return status, headers, answer.read(int(headers.get("content-length", "0")))


@pytest.mark.parametrize(
    "request_line",
    [b"GET /api/videos?x=%zz HTTP/1.1", b"GET //api//videos HTTP/1.1", b"GET /api/\xff\xfe HTTP/1.1"],
)
def test_a_malformed_path_is_answered_in_json(site: Site, request_line: bytes) -> None:
    status, headers, body = raw(site, request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert 400 <= status < 500
    assert headers["content-type"].startswith("application/json")
    assert set(json.loads(body)) == {"detail"}


GARBAGE = {
    "a host without its bracket": b"GET http://[::1/ HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\r\n\r\n",
    "another protocol": b"HELO /api\r\n\r\n",
    "no version": b"GET /api\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    "a length that is no number": b"POST /api/auth/login HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
    "a negative length": b"POST /api/auth/login HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /api/auth/login HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a chunk of no size": b"POST /api/auth/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown encoding": b"POST /api/auth/login HTTP/1.1\r\nTransfer-Encoding: rot13\r\n\r\n",
    "an endless header": b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_malformed_http_is_refused_in_json_and_the_next_request_is_served(site: Site, name: str) -> None:
    status, headers, body = raw(site, GARBAGE[name])
    assert 400 <= status < 600
    assert status != 500
    assert headers["content-type"].startswith("application/json")
    assert set(json.loads(body)) == {"detail"}
    assert site.api.get("/health").status_code == 200


def test_a_client_that_disconnects_mid_request_does_not_disturb_others(site: Site) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
            connection.sendall(b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert site.api.get("/health").status_code == 200


def test_an_unexpected_exception_is_answered_in_json_and_its_text_is_only_in_the_log(site: Site) -> None:
    player = site.sign_up()
    # The clip is not published, so the row that is corrupted below is read only when its owner requests the clip.
    video = site.publish_video(player, published=False)
    with site.tables():
        # No release knows this state, so reading the row raises an exception.
        Video.update(status=SQL("'unheard of'")).where(Video.user == uuid.UUID(player.id)).execute()
    answer = player.get(f"/api/videos/{video}")
    assert isinstance(refusal(answer, 500), str)
    assert "unheard of" not in answer.text
    wait_until(
        lambda: answer.headers["X-Request-Id"] in site.log and "unheard of" in site.log, what="the log", seconds=5
    )
    assert site.sign_up().get("/api/videos").status_code == 200


# Request IDs, headers, logs


def test_a_request_keeps_the_id_that_the_client_sent(site: Site) -> None:
    request_id = unique("request-")
    assert site.api.get("/health", headers={"X-Request-Id": request_id}).headers["X-Request-Id"] == request_id


@pytest.mark.parametrize("path", ["/health", "/api/nothing", "/api/videos", "/api/public/videos?limit=x"])
def test_every_answer_has_an_id(site: Site, path: str) -> None:
    ids = {site.api.get(path).headers["X-Request-Id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize("odd", ["x" * 5_000, "a b", "<script>", '"', "%0d%0aSet-Cookie: a"])
def test_a_malformed_request_id_is_replaced(site: Site, odd: str) -> None:
    answer = site.api.get("/health", headers={"X-Request-Id": odd})
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,200}", answer.headers["X-Request-Id"])


def test_the_log_names_the_request_by_its_id(site: Site) -> None:
    request_id = unique("request-")
    site.api.get("/api/public/videos", headers={"X-Request-Id": request_id})
    wait_until(lambda: request_id in site.log, what="a line with the request's id", seconds=5)


def test_the_log_contains_no_secret(site: Site) -> None:
    secret = f"S3cret-{unique('word')}"
    player = site.sign_up(password1=secret, password2=secret)
    tokens = player.log_in()
    site.api.post("/api/auth/login", json={"email": player.email, "password": f"{secret}-wrong"})
    site.api.post("/api/auth/signup", json=sign_up_form(password1=secret, password2=f"{secret}-other"))
    site.api.post("/api/auth/signup", content=f'{{"password1": "{secret}"')
    player.get("/api/videos")
    site.api.get("/api/videos", headers={"Authorization": f"Bearer {tokens['refresh_token']}"})
    renewed = site.api.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    player.get(f"/api/videos/{site.publish_video(player)}")
    marker = unique("marker-")
    site.api.get("/health", headers={"X-Request-Id": marker})
    site.api.get("/api/public/videos", headers={"X-Request-Id": marker})
    wait_until(lambda: marker in site.log, what="the marker in the log", seconds=5)
    log = site.log
    for word in (
        secret,
        player.access_token,
        tokens["access_token"],
        tokens["refresh_token"],
        renewed["refresh_token"],
        site.environment["JWT_SECRET"],
        site.environment["AWS_SECRET_ACCESS_KEY"],
        PASSWORD,
    ):
        assert word not in log
    assert not re.search(r"X-Amz-Signature=[0-9a-f]", log)


@pytest.mark.parametrize("path", ["/api/health", "/api/public/videos", "/api/nothing", "/api/videos"])
def test_every_answer_forbids_mime_sniffing_and_framing(site: Site, path: str) -> None:
    headers = site.api.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" in headers


def test_answers_do_not_name_the_server_software(site: Site) -> None:
    assert "waitress" not in site.api.get("/health").headers.get("Server", "")
