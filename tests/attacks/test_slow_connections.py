"""Slow and idle connections to an API without Nginx in front of it."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from app.api.connections import HEADER_SECONDS
from app.api.server import MAX_CONNECTIONS
from testing.homes import Backend, Home
from testing.sites import Site, running_site
from tests.attacks.edge import SlowUpload, begin_upload

pytestmark = pytest.mark.either_backend

PATIENCE_SECONDS = 5
HALF_A_HEADER = b"GET /api/public/rankings HTTP/1.1\r\nHost: x\r\nX-Half: "
HALF_A_BODY = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{"


@pytest.fixture(scope="module")
def embedded_home(new_home: Callable[[Backend], Home]) -> Home:
    return new_home("embedded")


@pytest.fixture(scope="module")
def lone_site(embedded_home: Home) -> Iterator[Site]:
    """An API without a proxy."""
    with running_site(embedded_home) as site:
        yield site


@contextmanager
def connections(site: Site, count: int, saying: bytes) -> Iterator[list[socket.socket]]:
    """Open `count` connections, send `saying` on each, and leave them open."""
    made = []
    try:
        for _ in range(count):
            made.append(socket.create_connection(("127.0.0.1", site.port), timeout=20))
            made[-1].sendall(saying)
        time.sleep(1.5)
        yield made
    finally:
        for one in made:
            one.close()


def read_seconds(site: Site) -> float:
    """Request the ranking on a new connection, and return the seconds until the response."""
    began = time.monotonic()
    with httpx.Client(base_url=site.url, timeout=30, trust_env=False) as visitor:
        assert visitor.get("/api/public/rankings").status_code == 200
    return time.monotonic() - began


@pytest.mark.parametrize("saying", [HALF_A_HEADER, b"", HALF_A_BODY], ids=["half a header", "nothing", "half a body"])
def test_slow_connections_up_to_the_maximum_do_not_block_visitors(lone_site: Site, saying: bytes) -> None:
    with connections(lone_site, MAX_CONNECTIONS, saying):
        assert read_seconds(lone_site) < PATIENCE_SECONDS


def test_attackers_that_reconnect_at_once_do_not_block_visitors(lone_site: Site) -> None:
    with connections(lone_site, MAX_CONNECTIONS, HALF_A_HEADER) as attack:
        for number in range(50):
            attack.append(socket.create_connection(("127.0.0.1", lone_site.port), timeout=20))
            attack[-1].sendall(HALF_A_HEADER)
            if number % 10 == 0:
                assert read_seconds(lone_site) < PATIENCE_SECONDS


def test_an_upload_under_way_keeps_its_place_among_slow_connections(lone_site: Site) -> None:
    headers = {**lone_site.sign_up().headers, "Content-Type": "text/plain"}
    with begin_upload(lone_site.port, headers=headers, length=2_000_000 + len("--b\r\n")) as upload:
        upload.send(bytes(1_000_000))
        with connections(lone_site, MAX_CONNECTIONS, HALF_A_HEADER):
            assert read_seconds(lone_site) < PATIENCE_SECONDS
            upload.send(bytes(1_000_000))
            assert upload.status() == 422


@pytest.mark.parametrize("saying", [HALF_A_HEADER, b""], ids=["half a header", "nothing"])
def test_headers_must_arrive_within_ten_seconds(lone_site: Site, saying: bytes) -> None:
    began = time.monotonic()
    with connections(lone_site, 1, saying) as (one,):
        one.settimeout(2 * HEADER_SECONDS)
        assert one.recv(1) == b""
        assert HEADER_SECONDS - 1 < time.monotonic() - began < HEADER_SECONDS + 5


def test_headers_that_trickle_in_have_the_same_time_limit(lone_site: Site) -> None:
    with SlowUpload(socket.create_connection(("127.0.0.1", lone_site.port), timeout=20)) as slow:
        slow.send(HALF_A_HEADER)
        seconds, answer = slow.trickle(at_most=2 * HEADER_SECONDS)
    assert answer == b"closed"
    assert seconds < HEADER_SECONDS + 5


def test_a_connection_that_is_kept_alive_is_not_cut_off_after_ten_seconds(lone_site: Site) -> None:
    ask = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connections(lone_site, 1, ask) as (one,):
        assert one.recv(65_536).startswith(b"HTTP/1.1 200")
        time.sleep(HEADER_SECONDS + 3)
        one.sendall(ask)
        assert one.recv(65_536).startswith(b"HTTP/1.1 200")


def test_the_total_time_of_a_body_is_limited_without_nginx_too(embedded_home: Home) -> None:
    with running_site(embedded_home.with_settings(BODY_SECONDS="2")) as site:
        with begin_upload(site.port, headers=site.sign_up().headers) as upload:
            seconds, answer = upload.trickle(at_most=10)
        assert seconds < 6
        assert answer.split()[1] == b"408"
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert body == {"detail": "Request Timeout: a body may take 2 s to arrive"}
