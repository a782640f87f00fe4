"""The pages behind Nginx: cached without anything personal, limited like the API, and errors as pages by path."""

import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from testing.browsing import Visitor
from testing.homes import unique
from tests.attacks.conftest import EdgeMaker
from tests.attacks.edge import Edge
from tests.attacks.test_public_cache import frozen_api

pytestmark = pytest.mark.either_backend

CLIPS = re.compile(r'href="/v/([0-9a-f-]{36})"')


@pytest.fixture
def visitor(edge: Edge) -> Iterator[Visitor]:
    with httpx.Client(base_url=edge.site.url, timeout=30, trust_env=False, headers={"Accept-Language": "en"}) as http:
        yield Visitor(http, edge.site.url)


def test_a_page_is_the_same_for_a_visitor_who_is_signed_in(edge: Edge, visitor: Visitor) -> None:
    city = unique("Tunja")
    edge.direct.publish_video(edge.direct.sign_up(city=city))
    path = f"/ranking/{city.lower()}"
    first = visitor.get(path)
    assert first.headers["X-Cache"] == "MISS"
    visitor.sign_up()
    again = visitor.get(path)
    assert (again.headers["X-Cache"], again.text) == ("HIT", first.text)
    assert "My clips" in visitor.get("/fragments/account").text
    assert visitor.get("/fragments/account").headers.get("X-Cache", "") == ""


def test_each_language_has_its_own_cached_page(visitor: Visitor) -> None:
    path = f"/ranking/{unique('nowhere')}"
    assert '<html lang="en"' in visitor.get(path).text
    spanish = visitor.get(path, **{"Accept-Language": "es-CO,es;q=0.9,en;q=0.8"})
    assert (spanish.headers["X-Cache"], '<html lang="es"' in spanish.text) == ("MISS", True)
    assert '<html lang="en"' in visitor.get(path, **{"Accept-Language": "pt-BR,pt;q=0.9,en;q=0.8,es;q=0.7"}).text
    visitor.get("/language/es")
    chosen = visitor.get(path)
    assert (chosen.headers["X-Cache"], chosen.text) == ("HIT", spanish.text)


def test_parameters_that_pages_do_not_read_share_a_cached_page(visitor: Visitor) -> None:
    path = f"/?city={unique('nowhere')}"
    first = visitor.get(f"{path}&fbclid=1")
    second = visitor.get(f"{path}&utm_source=2")
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert "fbclid" not in first.text


def test_sixteen_shuffles_share_the_cache_and_each_visitor_keeps_theirs(edge: Edge, visitor: Visitor) -> None:
    player = edge.direct.sign_up(city=unique("Tunja"))
    for _ in range(12):
        edge.direct.publish_video(player)
    path = f"/?city={player.city}"

    def order(agent: str) -> tuple[str, ...]:
        return tuple(CLIPS.findall(visitor.get(path, **{"User-Agent": agent}).text))

    orders = {order(f"phone {number}") for number in range(60)}
    assert 1 < len(orders) <= 12
    assert order("phone 3") == order("phone 3")


def test_only_the_first_page_of_a_shuffled_gallery_has_a_cached_copy_for_each_shuffle(visitor: Visitor) -> None:
    path = f"/?city={unique('nowhere')}&order=newest"
    states = [visitor.get(path, **{"User-Agent": f"phone {number}"}).headers["X-Cache"] for number in range(8)]
    assert states == ["MISS", *["HIT"] * 7]


def test_static_files_are_served_while_no_api_responds(edge: Edge, visitor: Visitor) -> None:
    path = re.findall(r'href="(/static/site-[^"]+)"', visitor.get("/").text)[0]
    visitor.get(path)
    with frozen_api(edge):
        answer = visitor.get(path)
    assert answer.headers["X-Cache"] == "HIT"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_vote_and_a_sign_in_work_through_the_edge(edge: Edge, visitor: Visitor) -> None:
    clip = edge.direct.publish_video(edge.direct.sign_up())
    answer = visitor.sign_up(next=f"/v/{clip}")
    assert visitor.get(answer.headers["Location"]).headers["Location"] == f"/v/{clip}"
    assert "You voted for this clip." in visitor.post(f"/v/{clip}/vote", X_Fragment="1").text
    without_sec_fetch = visitor.http.post(f"/v/{clip}/withdraw", headers={"Origin": edge.site.url, "X-Fragment": "1"})
    assert without_sec_fetch.status_code == 200
    assert visitor.http.post(f"/v/{clip}/vote", headers={"Origin": "http://evil.example"}).status_code == 403


def test_an_upload_of_a_visitor_who_is_not_signed_in_ends_before_its_body(edge: Edge) -> None:
    head = "POST /me/upload?key=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\nContent-Type: multipart/form-data"
    for fragment, status in (("", b"303"), ("\r\nX-Fragment: 1", b"401")):
        with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as peer:
            peer.sendall(f"{head}{fragment}\r\n\r\n".encode())
            answer = peer.recv(65_536)
        assert answer.split()[1] == status
        if status == b"303":
            assert b"\r\nLocation: /signin?next=/me/upload\r\n" in answer
    assert b"text/html" in answer


def test_a_clip_is_uploaded_from_the_page_through_the_edge(edge: Edge, visitor: Visitor, small_clip: Path) -> None:
    visitor.sign_up()
    target = re.findall(r'action="(/me/upload\?key=[^"]+)"', visitor.get("/me/upload").text)[0]
    with small_clip.open("rb") as file:
        answer = visitor.http.post(
            target,
            data={"title": "Clavada"},
            files={"video_file": ("clip.mp4", file, "video/mp4")},
            headers={"Origin": edge.site.url, "X-Fragment": "1"},
        )
    assert (answer.status_code, answer.headers["Location"]) == (201, "/me")
    assert "Clavada" in visitor.get("/me").text


@pytest.mark.parametrize("path", ["/nothing", "/.refused-page", "/.page-verdict", "/v/nothing"])
def test_an_unknown_address_gets_a_page(path: str, visitor: Visitor) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("path", ["/metrics", "/internal/may-upload-page", "/api/nothing"])
def test_an_unknown_address_of_the_api_gets_json(path: str, visitor: Visitor) -> None:
    answer = visitor.get(path, Accept="text/html")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})


def test_looking_at_the_sign_in_page_does_not_count_as_signing_in(make_edge: EdgeMaker) -> None:
    edge = make_edge({"host_proxy_signin_per_second": 1, "host_proxy_signin_burst": 3})
    assert {edge.site.api.get("/signin").status_code for _ in range(9)} == {200}
    tried = [edge.site.api.post("/signin", headers={"Origin": edge.site.url}).status_code for _ in range(9)]
    assert (tried[0], tried[-1]) == (400, 429)


def test_nginx_itself_responds_with_a_page_or_with_json_by_path(visitor: Visitor) -> None:
    answer = visitor.post("/signin", {"email": "x" * 140_000})
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert "Too large" in answer.text
    style = re.findall(r"<style>(.*?)</style>", answer.text)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    assert visitor.http.post("/api/auth/login", content=b"x" * 140_000).json()["detail"].startswith("Request body")
