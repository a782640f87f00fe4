"""Sign-ins, sign-ups and uploads never occupy the threads of other requests, and have a bound of their own."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api import bulkheads
from app.api.admission import CHECK, PAGE_CHECK
from app.api.bulkheads import BULKHEADS, Bulkhead
from app.api.cors import Cors
from app.api.server import create_server
from app.config import ApiSettings, Settings, load_settings
from app.showcase.passwords import Passwords
from app.storage.s3 import S3Store
from app.web.failures import overloaded_page
from app.wsgi import build_application
from demo.ports import free_port
from testing.answers import refusal
from testing.people import sign_up_form
from testing.processes import wait_until

pytestmark = [pytest.mark.either_backend, pytest.mark.usefixtures("few_places")]

THREADS = 2
WAITING_PER_THREAD = 2
SURPLUS = 3
SHOW = "https://show.example.org"
READS = ("/api/public/rankings", "/api/public/videos", "/health")
SLOW_PARTS = {"sign_ins": (Passwords, "matches"), "sign_ups": (Passwords, "hash"), "uploads": (S3Store, "upload")}
"""Bulkhead → the method that makes its requests slow."""


@dataclass
class Gate:
    """A barrier in a method of the platform. While it is closed, all calls of the method wait."""

    is_open: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0

    def install(self, patch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def wait_and_call(*arguments: object, **options: object) -> object:
            self.waiting += 1
            assert self.is_open.wait(60)
            return real(*arguments, **options)

        patch.setattr(owner, name, wait_and_call)


@dataclass
class Running:
    """The real application on a real server in this process."""

    url: str
    client: httpx.Client
    count_waiting: Callable[[], int]

    def send(self, kind: str, body: dict[str, Any], clip: Path, headers: dict[str, str]) -> httpx.Response:
        """Send a request of one kind over a connection of its own."""
        (path,) = (path for one in BULKHEADS if one.name == kind for path in one.paths if path.startswith("/api/"))
        if kind == "uploads":
            with clip.open("rb") as video:
                form = {"data": {"title": "Clip"}, "files": {"video_file": ("clip.mp4", video, "video/mp4")}}
                return httpx.post(f"{self.url}{path}", headers=headers, timeout=60, trust_env=False, **form)  # type: ignore[arg-type]
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, timeout=60, trust_env=False)


@contextmanager
def running_api(*, trusted_proxy: str | None = None) -> Iterator[Running]:
    application, _, metrics = build_application(load_settings(ApiSettings))
    port, over = free_port(), threading.Event()
    server: Any = create_server(
        application,
        {"listen": f"127.0.0.1:{port}"},
        threads=THREADS,
        trusted_proxy=trusted_proxy,
        cors=Cors((SHOW,)),
        overloaded_page=overloaded_page(),
        metrics=metrics,
    )

    def run() -> None:
        while not over.is_set():
            server.asyncore.loop(timeout=0.05, map=server._map, count=1)

    loop = threading.Thread(target=run)
    loop.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            yield Running(str(client.base_url).rstrip("/"), client, lambda: server.task_dispatcher.waiting)
    finally:
        over.set()
        loop.join()
        server.task_dispatcher.shutdown()
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        server.close()


@pytest.fixture
def few_places(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 (opens the database)
    """Let few requests wait, so that the tests need few clients, and lift the rate limits."""
    monkeypatch.setattr(bulkheads, "WAITING_PER_THREAD", WAITING_PER_THREAD)
    for limit in ("LOGIN_LIMIT_PER_ACCOUNT", "LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS", "UPLOAD_LIMIT_PER_ACCOUNT"):
        monkeypatch.setenv(limit, "1000 per 1 minute")


def refused(api: Running, kind: str) -> float:
    """Return how many requests of a kind the API has refused, by its metric."""
    text = api.client.get("/metrics").text
    return sum(map(float, re.findall(rf'^rising_stars_requests_refused_total{{kind="{kind}"}} (\S+)$', text, re.M)))


@pytest.mark.parametrize("bulkhead", BULKHEADS, ids=lambda one: one.name)
def test_while_slow_requests_have_no_place_left_the_surplus_gets_503_and_reads_are_answered(
    small_clip: Path, bulkhead: Bulkhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, kind = Gate(), bulkhead.name
    places = bulkhead.threads * WAITING_PER_THREAD
    with running_api() as api, ThreadPoolExecutor(bulkhead.threads + places) as crowd:
        account = sign_up_form()
        signed_up = api.client.post("/api/auth/signup", json=account).json()
        headers = {"Authorization": f"Bearer {signed_up['access_token']}"} if kind == "uploads" else {}
        login = {"email": account["email"], "password": account["password1"]}
        gate.install(monkeypatch, *SLOW_PARTS[kind])

        def send() -> httpx.Response:
            return api.send(kind, login if kind == "sign_ins" else sign_up_form(), small_clip, headers)

        admitted: list[Future[httpx.Response]] = [crowd.submit(send) for _ in range(bulkhead.threads)]
        wait_until(lambda: gate.waiting == bulkhead.threads, what="the threads to be busy", seconds=30)
        admitted += [crowd.submit(send) for _ in range(places)]
        wait_until(lambda: api.count_waiting() == places, what="the places to be taken", seconds=30)
        for _ in range(SURPLUS):
            answer = send()
            assert refusal(answer, 503) == "The platform is overloaded right now; try again shortly."
            assert int(answer.headers["Retry-After"]) > 0
            assert [api.client.get(path).status_code for path in READS] == [200] * len(READS)
        assert refused(api, kind) == SURPLUS
        assert not [one for one in admitted if one.done()]
        gate.is_open.set()
        assert {one.result().status_code for one in admitted} == {200 if kind == "sign_ins" else 201}


@pytest.mark.parametrize("path", ["//api/auth/login", "/api/auth/login/", "/api/auth/%6Cogin", "///api/auth/login//"])
def test_no_spelling_of_the_address_leads_to_the_threads_of_other_requests(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    body = {"email": "nobody@example.com", "password": "not the password"}
    with running_api() as api, ThreadPoolExecutor(2 * THREADS) as crowd:
        gate.install(monkeypatch, *SLOW_PARTS["sign_ins"])
        posts = [
            crowd.submit(httpx.post, api.url + path, json=body, timeout=60, trust_env=False) for _ in range(2 * THREADS)
        ]
        wait_until(lambda: gate.waiting >= THREADS, what="the sign-ins", seconds=30)
        assert api.client.get("/api/public/rankings").status_code == 200
        gate.is_open.set()
        assert {post.result().status_code for post in posts} == {401}


def test_nginx_learns_that_no_upload_has_a_place_before_it_reads_the_body(
    small_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = next(one for one in BULKHEADS if one.name == "uploads")
    most = uploads.threads * (1 + WAITING_PER_THREAD)
    monkeypatch.setenv("TRUSTED_PROXY", "127.0.0.1")
    gate = Gate()
    with running_api(trusted_proxy="127.0.0.1") as api, ThreadPoolExecutor(most) as crowd:
        token = api.client.post("/api/auth/signup", json=sign_up_form()).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert api.client.get(CHECK, headers=headers).status_code == 204
        gate.install(monkeypatch, *SLOW_PARTS["uploads"])
        clips = [crowd.submit(api.send, "uploads", {}, small_clip, headers) for _ in range(uploads.threads)]
        wait_until(lambda: gate.waiting == uploads.threads, what="the threads to be busy", seconds=30)
        clips += [crowd.submit(api.send, "uploads", {}, small_clip, headers) for _ in range(most - uploads.threads)]
        wait_until(lambda: api.count_waiting() == most - uploads.threads, what="the places to be taken", seconds=30)
        for check in (CHECK, PAGE_CHECK):
            answer = api.client.get(check, headers=headers)
            assert refusal(answer, 503)
            assert answer.headers["Retry-After"]
        gate.is_open.set()
        assert {clip.result().status_code for clip in clips} == {201}


@pytest.mark.parametrize("origin", [SHOW, "https://unknown.example"])
def test_a_page_of_the_league_can_read_the_refusal_and_use_the_connection_again(
    origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkheads, "WAITING_PER_THREAD", 0)
    with running_api() as api:
        answer = api.client.post("/api/auth/login", json={}, headers={"Origin": origin})
        assert refusal(answer, 503)
        assert answer.headers.get("Access-Control-Allow-Origin") == (SHOW if origin == SHOW else None)
        assert answer.headers.get("Connection") != "close"
        assert api.client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/api/public/rankings", "/"])
def test_a_refused_head_has_no_body_that_the_client_would_take_for_the_next_response(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkheads, "WAITING_PER_THREAD", 0)
    requests = f"HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with running_api() as api, socket.create_connection(("127.0.0.1", api.client.base_url.port or 0), 10) as connection:
        connection.sendall(requests.encode())
        first, _, rest = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 503")
    assert rest.startswith(b"HTTP/1.1 200")


def test_the_bulkheads_name_routes_and_pages_that_exist() -> None:
    with running_api() as api:
        statuses = {path: api.client.post(path).status_code for one in BULKHEADS for path in one.paths}
    # A form that no page of the site sent is rejected with 403.
    assert all(status in ({401, 422} if path.startswith("/api/") else {403}) for path, status in statuses.items())


@pytest.mark.parametrize("path", ["/signin", "/signup", "/me/upload"])
def test_a_browser_whose_form_finds_no_thread_gets_a_page(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkheads, "WAITING_PER_THREAD", 0)
    with running_api() as api:
        answer = api.client.post(path)
        assert (answer.status_code, answer.text) == (503, overloaded_page().decode())
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert int(answer.headers["Retry-After"]) > 0
