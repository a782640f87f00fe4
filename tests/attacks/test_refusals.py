"""The edge refuses an upload with the API's own response, before it reads the body."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from testing.cables import Cable
from testing.homes import Backend, Home
from testing.people import Player
from testing.processes import wait_until
from testing.sites import running_site
from tests.attacks.conftest import EdgeMaker
from tests.attacks.edge import Edge, begin_upload, running_edge

pytestmark = pytest.mark.either_backend

UPLOAD = "/api/videos/upload"
SAME = ("content-type", "retry-after", "www-authenticate", "cache-control", "x-content-type-options", "x-frame-options")
MIB = 1 << 20


def assert_same_answer(through: httpx.Response, direct: httpx.Response) -> None:
    """Assert that body, status and the headers that matter to clients are equal."""
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    for name in SAME:
        assert through.headers.get_list(name) == direct.headers.get_list(name), name


def answers_through_and_directly(edge: Edge, headers: dict[str, str]) -> tuple[httpx.Response, httpx.Response]:
    direct = edge.direct.api.post(UPLOAD, headers=headers, content=b"x")
    return edge.site.api.post(UPLOAD, headers=headers, content=b"x"), direct


def test_without_a_token_the_refusal_is_the_apis(edge: Edge) -> None:
    through, direct = answers_through_and_directly(edge, {})
    assert direct.status_code == 401
    assert_same_answer(through, direct)
    assert through.headers["x-request-id"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_any_other_method_gets_the_apis_own_answer(edge: Edge, method: str) -> None:
    assert_same_answer(edge.site.api.request(method, UPLOAD), edge.direct.api.request(method, UPLOAD))


@pytest.fixture
def strict_edge(make_edge: EdgeMaker) -> Edge:
    """An edge that accepts one upload a day per account."""
    return make_edge(UPLOAD_LIMIT_PER_ACCOUNT="1 per 1 day")


def test_above_a_limit_the_refusal_is_the_apis_and_the_edges_check_is_not_counted(strict_edge: Edge) -> None:
    player = strict_edge.site.sign_up()
    # A body that is not a form is refused, but counts toward the limit.
    assert [strict_edge.site.api.post(UPLOAD, headers=player.headers).status_code for _ in range(2)] == [422, 429]
    through, direct = answers_through_and_directly(strict_edge, player.headers)
    seconds = [int(answer.headers["retry-after"]) for answer in (through, direct)]
    assert abs(seconds[0] - seconds[1]) <= 1
    assert through.content == direct.content.replace(str(seconds[1]).encode(), str(seconds[0]).encode())
    assert through.json()["detail"] == f"Too many requests; try again in {seconds[0]} s."


@pytest.fixture
def cable(lay_cable: Callable[[int], Cable], deployed_home: Home) -> Cable:
    return lay_cable(httpx.URL(deployed_home.environment["DATABASE_URL"]).port or 0)


def test_without_its_database_the_refusal_is_the_apis(make_edge: EdgeMaker, deployed_home: Home, cable: Cable) -> None:
    url = httpx.URL(deployed_home.environment["DATABASE_URL"]).copy_with(port=cable.port)
    edge = make_edge(DATABASE_URL=str(url))
    player = edge.site.sign_up()
    cable.cut()
    through, direct = answers_through_and_directly(edge, player.headers)
    assert direct.status_code == 503
    assert_same_answer(through, direct)


def test_without_the_api_the_refusal_is_nginxs_own(make_edge: EdgeMaker) -> None:
    edge = make_edge()
    player = edge.site.sign_up()
    edge.direct.processes["api"].stop()
    answer = edge.site.api.post(UPLOAD, headers=player.headers, content=b"x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"detail": "The platform is not available right now; try again shortly."}


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_over_the_bound_is_refused_in_json(edge: Edge, is_chunked: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(131):
            yield bytes(MIB)

    player = edge.site.sign_up()
    content = chunks() if is_chunked else bytes(131 * MIB)
    try:
        answer = edge.site.api.post(UPLOAD, headers=player.headers, content=content)
    except httpx.WriteError:
        pytest.fail("the answer was lost")
    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("Request body too large: an upload may have 130 MiB at most")


def test_a_client_that_expects_100_continue_is_refused_without_sending_the_body(edge: Edge) -> None:
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 104857600\r\n\r\n"
    with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as peer:
        peer.sendall(head.encode())
        with closing(peer.makefile("rb")) as answer:
            statuses = (line.split()[1] for line in answer if line.startswith(b"HTTP/1.1 "))
            # Nginx 1.22 sends 100 when it begins to discard a body (ngx_http_discard_request_body).
            # It then refuses the request at once, without waiting for the body (RFC 9110, 10.1.1).
            assert next(status for status in statuses if status != b"100") == b"401"


# ── Internal routes


@pytest.mark.parametrize(
    "path",
    [
        "/internal/may-upload",
        "/internal",
        "/api/../internal/may-upload",
        "//internal/may-upload",
        "/.may-upload",
        "/.verdict",
        "/.no-upload",
        "/metrics",
    ],
)
def test_nothing_internal_can_be_reached_from_outside(edge: Edge, path: str) -> None:
    player = edge.site.sign_up()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {player.access_token}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as peer:
        peer.sendall(request.encode())
        head, _, body = peer.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.split()[1] == b"404"
    assert b"x-upload-account" not in head.lower()
    if path.startswith("/."):
        assert b"<title>P\xc3\xa1gina no encontrada" in body
    else:
        assert json.loads(body) == {"detail": "Not found"}


def test_an_api_without_a_proxy_has_no_internal_route(new_home: Callable[[Backend], Home]) -> None:
    with running_site(new_home("embedded")) as site:
        assert site.sign_up().get("/internal/may-upload").status_code == 404


def test_answers_do_not_contain_internal_headers(edge: Edge) -> None:
    player = edge.site.sign_up()
    answer = edge.site.api.post(UPLOAD, headers=player.headers, content=b"x")
    assert "x-upload-account" not in answer.headers
    assert "x-refusal" not in edge.site.api.post(UPLOAD).headers


# ── Time


@pytest.fixture(scope="module")
def hasty_edge(deployed_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge that gives a body 4 s to arrive instead of 900 s, and allows one upload at a time."""
    variables = {"host_proxy_uploads_at_once": 1, "host_proxy_uploads_per_account": 1}
    home = deployed_home.with_settings(BODY_SECONDS="4")
    with running_edge(home, tmp_path_factory.mktemp("hasty"), variables) as running:
        yield running


def test_a_body_that_exceeds_its_time_is_cut_off_and_its_slot_freed(hasty_edge: Edge) -> None:
    player = hasty_edge.site.sign_up()
    with begin_upload(hasty_edge.port, headers=player.headers) as upload:
        seconds, answer = upload.trickle(at_most=12)
    assert 3 < seconds < 10
    assert answer.split()[1] == b"408"
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"detail": "Request Timeout: a body may take 4 s to arrive"}
    wait_until(lambda: post(hasty_edge, player) == 422, what="a free place", seconds=10)


def post(edge: Edge, player: Player) -> int:
    """Post a body that is not a form and return the status."""
    return edge.site.api.post(UPLOAD, headers=player.headers, content=b"x").status_code


def test_a_token_that_expires_while_the_body_arrives_is_judged_at_the_uploads_start(hasty_edge: Edge) -> None:
    player = hasty_edge.site.sign_up()
    short = replace(player, access_token=hasty_edge.site.token(player, exp=int(time.time()) + 2))
    assert slow_status(hasty_edge, short, seconds=3) == 422
    assert hasty_edge.site.api.post(UPLOAD, headers=short.headers, content=b"x").status_code == 401


def slow_status(edge: Edge, player: Player, *, seconds: float) -> int | None:
    """Post a body that is not a form, send its last byte late, and return the status."""
    with begin_upload(edge.port, headers={**player.headers, "Content-Type": "text/plain"}, length=6) as upload:
        time.sleep(seconds)
        upload.send(b"y")
        return upload.status()
