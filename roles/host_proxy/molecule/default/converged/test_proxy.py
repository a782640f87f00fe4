"""Tests of Nginx in front of real API processes. Most requests come from outside the host, as from a load balancer."""

import contextlib
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from testinfra.host import Host

from rehearsal.hosts.podman import podman

MIB = 1 << 20
SOCKETS = "/run/rising-stars-api/1.sock /run/rising-stars-api/2.sock"
OWN_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
STAND_IN = Path(__file__).parents[1] / "files" / "stand_in_api.py"


@pytest.fixture(scope="module")
def address(host: Host) -> str:
    """Return the host's address on the container bridge."""
    return str(host.check_output("ip -4 -o addr show eth0")).split()[3].partition("/")[0]


@pytest.fixture
def site(address: str) -> Iterator[httpx.Client]:
    """Yield a client that behaves like the load balancer: it has a trusted address and keeps connections open."""
    with httpx.Client(base_url=f"http://{address}", timeout=90, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def token(address: str) -> str:
    """Return a player's access token."""
    secret = secrets.token_hex(8)
    names = {"first_name": "Ana", "last_name": "Ruiz", "email": f"ana{secrets.token_hex(4)}@example.org"}
    form = names | {"password1": secret, "password2": secret}
    answer = httpx.post(f"http://{address}/api/auth/signup", json=form, timeout=30, trust_env=False)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["access_token"])


@contextlib.contextmanager
def stand_ins(host: Host, mode: str) -> Iterator[None]:
    """Run a fake API during the block, on the paths of the API processes' sockets, which are renamed meanwhile."""
    name = host.backend.name
    podman("exec", "-i", name, "sh", "-c", "cat > /run/stand_in_api.py", given=STAND_IN.read_bytes())
    host.check_output("cd /run/rising-stars-api && rename() { mv $1.sock $1.real; }; rename 1; rename 2")
    host.check_output(
        f"rm -f /run/stand-in-api.log; touch /run/stand-in-api.log; "
        f"python3 /run/stand_in_api.py {mode} {SOCKETS} >/dev/null 2>&1 & echo $! > /run/stand-in.pid"
    )
    # Wait until Nginx has closed its connections to the API's processes.
    time.sleep(2.5)
    try:
        yield
    finally:
        host.check_output("kill $(cat /run/stand-in.pid); cd /run/rising-stars-api; mv 1.real 1.sock; mv 2.real 2.sock")
        time.sleep(2.5)


def said(host: Host) -> list[str]:
    """Return the requests that reached the fake API, each as `METHOD path`."""
    return str(host.file("/run/stand-in-api.log").content_string).splitlines()


def assert_refused_by_nginx(answer: httpx.Response, status: int) -> None:
    """Assert that an error response is in the API's format: JSON, security headers, a request id and Retry-After."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json()["detail"], str)
    assert {name: answer.headers.get(name) for name in OWN_HEADERS} == OWN_HEADERS
    assert answer.headers["x-request-id"]
    assert ("retry-after" in answer.headers) == (status in {429, 503, 504})


def raw(address: str, request: bytes) -> bytes:
    """Send bytes that no client library would send, and return the response."""
    with socket.create_connection((address, 80), timeout=10) as peer:
        peer.sendall(request)
        return peer.makefile("rb").read()


# ── Forwarding


def test_the_api_answers_through_the_proxy(site: httpx.Client) -> None:
    assert site.get("/health").json() == {"status": "healthy"}
    assert site.get("/ready").json()["status"] == "ready"
    assert site.get("/api/public/videos").json() == []


def test_each_header_is_sent_once(site: httpx.Client) -> None:
    for path in ("/health", "/api/public/rankings", "/api/videos", "/api/nowhere"):
        answer = site.get(path)
        names = [name.lower() for name, _ in answer.headers.multi_items()]
        assert len(names) == len(set(names)), names
        assert {name: answer.headers[name] for name in OWN_HEADERS} == OWN_HEADERS
    assert site.get("/health").headers["server"] == "nginx"


def test_hsts_is_sent_only_if_the_load_balancer_received_https(site: httpx.Client) -> None:
    assert "strict-transport-security" not in site.get("/health").headers
    assert "max-age" in site.get("/health", headers={"X-Forwarded-Proto": "https"}).headers["strict-transport-security"]


def test_paths_that_are_not_public_are_not_found(site: httpx.Client) -> None:
    for path in (
        "/metrics",
        "/metrics/",
        "/metrics/1",
        "/api/../metrics",
        "/internal/may-upload",
        "/internal/may-upload-page",
        "//metrics",
    ):
        assert_refused_by_nginx(site.get(path), 404)


def test_other_paths_are_pages(site: httpx.Client) -> None:
    assert site.get("/").status_code == 200
    for path in ("/.refused", "/.may-upload", "/.refused-page", "/apiary", "/.env"):
        answer = site.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_each_process_serves_its_metrics_to_its_own_machine_only(host: Host, address: str) -> None:
    ask = "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:8081/metrics/{}\").read().decode())'"
    for number in (1, 2):
        assert "rising_stars_requests_total" in host.check_output(ask.format(number))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{address}:8081/metrics/1", trust_env=False)


def test_a_request_keeps_a_valid_id_and_otherwise_gets_a_new_one(host: Host, site: httpx.Client) -> None:
    name = f"abc-{secrets.token_hex(6)}"
    assert site.get("/api/videos", headers={"X-Request-Id": name}).headers["x-request-id"] == name
    given = site.get("/api/videos", headers={"X-Request-Id": "<script>"}).headers["x-request-id"]
    assert len(given) == 32
    time.sleep(0.3)
    journal = host.check_output("journalctl --no-pager --since -20s --output cat")
    for wanted in (name, given):
        tellers = [
            json.loads(line)["event"] for line in journal.splitlines() if wanted in line and line.startswith("{")
        ]
        assert tellers == ["request", "request"], "one line of Nginx and one of the application"


def test_the_clients_address_is_the_last_forwarded_entry(host: Host, site: httpx.Client) -> None:
    site.get(
        "/api/videos", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7", "X-Request-Id": "address-of-client"}
    )
    assert addresses_told(host, "address-of-client") == ["203.0.113.7", "203.0.113.7"]


def test_only_the_load_balancer_sets_the_clients_address(host: Host) -> None:
    headers = "-H 'X-Forwarded-For: 203.0.113.7' -H 'X-Request-Id: address-of-a-liar'"
    host.check_output(f"curl --silent {headers} http://127.0.0.1/api/videos")
    assert addresses_told(host, "address-of-a-liar") == ["127.0.0.1", "127.0.0.1"]


def addresses_told(host: Host, request: str) -> list[str]:
    """Return the client's address in a request's two log lines, Nginx's and the application's."""
    time.sleep(0.3)
    lines = host.check_output(f"journalctl --no-pager -o cat | grep {request}").splitlines()
    return [json.loads(line)["address"] for line in lines]


def test_logs_contain_neither_tokens_nor_queries(host: Host, site: httpx.Client) -> None:
    site.get("/api/public/videos?city=secretcity", headers={"Authorization": "Bearer secrettoken"})
    time.sleep(0.3)
    journal = host.check_output("journalctl --no-pager --output cat -t nginx")
    assert '"path":"/api/public/videos"' in journal
    assert "secretcity" not in journal
    assert "secrettoken" not in host.check_output("journalctl --no-pager --output cat")


def test_json_is_compressed_except_in_answers_with_tokens(host: Host, site: httpx.Client) -> None:
    with stand_ins(host, "echo"):
        padding = {"X-Padding": "a" * 2000, "Accept-Encoding": "gzip"}
        assert site.get("/api/videos", headers=padding).headers.get("content-encoding") == "gzip"
        assert "content-encoding" not in site.post("/api/auth/login", headers=padding).headers


# ── Bodies


def test_an_upload_of_100_mib_reaches_the_application(site: httpx.Client, token: str) -> None:
    clip = b"\0" * (100 * MIB)
    answer = site.post(
        "/api/videos/upload",
        headers={"Authorization": f"Bearer {token}"},
        data={"title": "Clip"},
        files={"video_file": ("clip.mp4", clip, "video/mp4")},
    )
    assert answer.status_code == 400
    assert "Tipo de archivo" in answer.json()["detail"]


def test_an_upload_above_130_mib_is_rejected_in_json(site: httpx.Client, token: str) -> None:
    form = {"video_file": ("clip.mp4", b"\0" * (131 * MIB), "video/mp4")}
    answer = site.post("/api/videos/upload/", headers={"Authorization": f"Bearer {token}"}, files=form)
    assert_refused_by_nginx(answer, 413)


def test_only_uploads_may_have_large_bodies(site: httpx.Client) -> None:
    assert (
        site.post("/api/auth/login", content=b"x" * (100 << 10))
        .json()["detail"]
        .startswith("Request body too large: JSON")
    )
    assert_refused_by_nginx(site.post("/api/auth/login", content=b"x" * (200 << 10)), 413)


def test_the_directory_for_buffered_bodies_is_private_and_contains_no_leftovers(host: Host) -> None:
    folder = host.file("/var/lib/nginx/uploads")
    assert (folder.user, folder.mode) == ("www-data", 0o700)
    assert host.check_output("find /var/lib/nginx/uploads -type f") == ""


def test_nginx_alone_sets_the_start_time_of_an_upload(host: Host, address: str, site: httpx.Client) -> None:
    with stand_ins(host, "echo"), socket.create_connection((address, 80), timeout=20) as peer:
        began = time.time()
        peer.sendall(
            b"POST /api/videos/upload HTTP/1.1\r\nHost: x\r\nX-Request-Start: t=1\r\nConnection: close\r\n"
            b"Content-Length: 2\r\n\r\na"
        )
        time.sleep(2)
        peer.sendall(b"b")
        received = json.loads(peer.makefile("rb").read().partition(b"\r\n\r\n")[2])
        stamp = float(received["headers"]["X-Request-Start"].removeprefix("t="))
        assert abs(stamp - began) < 1
        assert received["at"] - stamp > 1.8
        elsewhere = site.get("/api/videos", headers={"X-Request-Start": "t=1000000000"}).json()["headers"]
        assert "X-Request-Start" not in elsewhere


def test_uploads_above_the_concurrency_limit_are_rejected(address: str, site: httpx.Client, token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    head = f"POST /api/videos/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nAuthorization: Bearer {token}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection((address, 80))).sendall(head.encode())
        time.sleep(0.5)
        assert_refused_by_nginx(site.post("/api/videos/upload", headers=bearer, content=b"123456789"), 503)
    time.sleep(0.5)
    assert site.post("/api/videos/upload", headers=bearer, content=b"123456789").status_code == 422


def test_uploads_without_a_token_occupy_no_slot(address: str, site: httpx.Client, token: str) -> None:
    head = b"POST /api/videos/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection((address, 80))).sendall(head)
        time.sleep(0.5)
        bearer = {"Authorization": f"Bearer {token}"}
        assert site.post("/api/videos/upload", headers=bearer, content=b"123456789").status_code == 422


# ── Retries


def test_a_post_is_sent_once_even_if_the_process_breaks_the_connection(host: Host, site: httpx.Client) -> None:
    vote = "/api/public/videos/6f1c5a52-0000-4000-8000-000000000000/vote"
    with stand_ins(host, "break"):
        assert_refused_by_nginx(site.post(vote), 503)
        assert_refused_by_nginx(site.post("/api/videos/upload", content=b"clip"), 503)
        assert said(host) == [f"POST {vote}", "GET /internal/may-upload", "POST /api/videos/upload"]
        time.sleep(1.5)
        site.get("/api/videos")
        assert said(host)[3:] == ["GET /api/videos"] * 2, "a read is tried elsewhere"


def test_clients_do_not_notice_a_dead_process(host: Host, site: httpx.Client) -> None:
    host.check_output("mv /run/rising-stars-api/1.sock /run/rising-stars-api/1.gone; sleep 2.5")
    try:
        answers = [site.post("/api/auth/login", json={}) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {422}
    finally:
        host.check_output("mv /run/rising-stars-api/1.gone /run/rising-stars-api/1.sock")


def test_a_rolling_restart_of_processes_loses_no_request(host: Host, address: str) -> None:
    answers: list[int] = []
    until = time.monotonic() + 25

    def keep_asking(number: int) -> None:
        with httpx.Client(base_url=f"http://{address}", timeout=30, trust_env=False) as client:
            while time.monotonic() < until:
                headers = {"X-Forwarded-For": f"203.0.113.{number}"}
                answers.append(
                    client.post("/api/videos/upload", headers=headers, content=b"x").status_code
                    if number
                    else client.get("/api/videos", headers=headers).status_code
                )
                time.sleep(0.02)

    with ThreadPoolExecutor(4) as people:
        asked = [people.submit(keep_asking, number % 2) for number in range(4)]
        for number in (1, 2):
            host.check_output(f"systemctl restart rising-stars-api@{number}")
        for one in asked:
            one.result()
    assert set(answers) == {401}
    assert len(answers) > 500


def test_without_any_process_nginx_answers_503_in_json(host: Host, site: httpx.Client) -> None:
    host.check_output("cd /run/rising-stars-api; mv 1.sock 1.gone; mv 2.sock 2.gone; sleep 2.5")
    try:
        for path in ("/api/videos", "/ready", "/health"):
            assert_refused_by_nginx(site.get(path), 503)
        page = site.get("/")
        assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert "Volvemos en un momento" in page.text
    finally:
        host.check_output("cd /run/rising-stars-api; mv 1.gone 1.sock; mv 2.gone 2.sock; sleep 2.5")
    assert site.get("/ready").status_code == 200


# ── The cache


def test_public_answers_are_requested_from_the_api_once_a_second(site: httpx.Client) -> None:
    for path in (
        "/api/public/videos?limit=7",
        "/api/public/rankings?limit=7",
        "/api/public/videos/6f1c5a52-0000-4000-8000-000000000000",
    ):
        first, second = site.get(path), site.get(path)
        assert [first.headers["x-cache"], second.headers["x-cache"]] == ["MISS", "HIT"]
        assert first.content == second.content
        assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_requests_with_a_token_bypass_the_cache(site: httpx.Client, token: str) -> None:
    path = "/api/public/videos?limit=9"
    mine = [site.get(path, headers={"Authorization": f"Bearer {token}"}).headers["x-cache"] for _ in range(2)]
    assert mine == ["BYPASS", "BYPASS"]
    assert site.get(path).headers["x-cache"] == "MISS", "nor is their answer kept for others"


def test_nothing_else_is_cached(site: httpx.Client) -> None:
    for path in ("/api/videos", "/health", "/api/public/videos/6f1c5a52-0000-4000-8000-000000000000/vote-status"):
        assert "x-cache" not in site.get(path).headers


def test_nginx_serves_the_old_answer_during_a_short_outage_of_the_api(host: Host, site: httpx.Client) -> None:
    path = "/api/public/rankings?limit=11"
    assert site.get(path).headers["x-cache"] == "MISS"
    host.check_output("cd /run/rising-stars-api; mv 1.sock 1.gone; mv 2.sock 2.gone; sleep 3")
    try:
        answer = site.get(path)
        assert (answer.status_code, answer.json()) == (200, [])
        assert answer.headers["x-cache"] in {"STALE", "UPDATING"}
    finally:
        host.check_output("cd /run/rising-stars-api; mv 1.gone 1.sock; mv 2.gone 2.sock; sleep 2.5")
    site.get(path)
    time.sleep(0.5)
    assert site.get(path).headers["x-cache"] in {"HIT", "STALE"}


def test_a_crowd_causes_one_request_to_the_api(host: Host, address: str) -> None:
    def ask(_: int) -> str:
        return httpx.get(f"http://{address}/api/public/videos?limit=13", trust_env=False, timeout=30).headers["x-cache"]

    with stand_ins(host, "echo"):
        with ThreadPoolExecutor(8) as crowd:
            list(crowd.map(ask, range(8)))
        assert len(said(host)) == 1


# ── Rate limits


def test_a_flood_of_votes_is_limited_without_affecting_other_addresses(site: httpx.Client) -> None:
    vote = "/api/public/videos/6f1c5a52-0000-4000-8000-000000000000/vote"
    answers = [site.post(vote, headers={"X-Forwarded-For": "203.0.113.50"}) for _ in range(30)]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert_refused_by_nginx(next(answer for answer in answers if answer.status_code == 429), 429)
    assert site.post(vote, headers={"X-Forwarded-For": "203.0.113.51"}).status_code == 401


def test_a_flood_of_sign_ins_is_limited(site: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as crowd:
        asked = [
            crowd.submit(site.post, "/api/auth/login", json={}, headers={"X-Forwarded-For": "203.0.113.60"})
            for _ in range(120)
        ]
    answers = [one.result() for one in asked]
    assert {answer.status_code for answer in answers} == {422, 429}
    assert_refused_by_nginx(next(answer for answer in answers if answer.status_code == 429), 429)


# ── CORS and error responses


ORIGIN = "https://show.example.org"


def allowed_origin(answer: httpx.Response) -> str | None:
    """Return the origin that Nginx's error response allows, and assert that the other CORS headers match it."""
    named = answer.headers.get("access-control-allow-origin")
    assert (named is None) == ("access-control-expose-headers" not in answer.headers)
    assert (answer.headers.get("vary") == "Origin") == (named != "*")
    return named


def test_nginxs_error_answers_name_an_allowed_origin(site: httpx.Client) -> None:
    for origin, named in (
        (ORIGIN, ORIGIN),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://unknown.example", None),
        ("null", None),
    ):
        headers = {"Origin": origin}
        too_large = site.post("/api/auth/login", content=b"x" * (200 << 10), headers=headers)
        assert_refused_by_nginx(too_large, 413)
        not_found = site.get("/api/nowhere", headers=headers)
        assert_refused_by_nginx(not_found, 404)
        assert [allowed_origin(too_large), allowed_origin(not_found)] == [named, named]
    exposed = site.get("/api/nowhere", headers={"Origin": ORIGIN}).headers["access-control-expose-headers"]
    assert {"Retry-After", "X-Request-Id", "Link", "Location"} <= set(exposed.split(", "))


def test_pages_of_other_sites_can_read_the_answer_to_a_flood(site: httpx.Client) -> None:
    vote = "/api/public/videos/6f1c5a52-0000-4000-8000-000000000000/vote"
    headers = {"X-Forwarded-For": "203.0.113.70", "Origin": ORIGIN}
    answers = [site.post(vote, headers=headers) for _ in range(30)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert_refused_by_nginx(refused, 429)
    assert allowed_origin(refused) == ORIGIN


def test_without_any_process_all_origins_may_read_the_answers_on_cached_paths_only(
    host: Host, site: httpx.Client
) -> None:
    host.check_output("cd /run/rising-stars-api; mv 1.sock 1.gone; mv 2.sock 2.gone; sleep 2.5")
    try:
        for path in ("/api/public/videos?limit=17", "/api/public/rankings/?limit=17", f"/api/public/videos/{'a' * 9}"):
            for headers in ({}, {"Origin": ORIGIN}, {"Origin": "https://unknown.example"}):
                refused = site.get(path, headers=headers)
                assert_refused_by_nginx(refused, 503)
                assert allowed_origin(refused) == "*"
        for method, path in (("GET", "/api/videos"), ("POST", "/api/auth/login"), ("POST", "/api/public/videos")):
            refused = site.request(method, path, headers={"Origin": ORIGIN})
            assert_refused_by_nginx(refused, 503)
            assert allowed_origin(refused) == ORIGIN
            assert allowed_origin(site.request(method, path)) is None
    finally:
        host.check_output("cd /run/rising-stars-api; mv 1.gone 1.sock; mv 2.gone 2.sock; sleep 2.5")
    assert site.get("/ready").status_code == 200


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"RUBBISH\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"TRACE /api/videos HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rubbish\r\nConnection: close\r\n\r\n", 501),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    ],
)
def test_malformed_requests_are_rejected_in_json(address: str, request_line: bytes, status: int) -> None:
    head, _, body = raw(address, request_line).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert b"application/json" in head
    assert set(json.loads(body)) == {"detail"}


def test_nginx_keeps_connections_longer_than_the_load_balancer(host: Host) -> None:
    assert "keepalive_timeout 130s;" in host.file("/etc/nginx/rising-stars/site.conf").content_string


# ── The service


def nginx_dump(host: Host) -> str:
    """Return the whole configuration, with all included files, as `nginx -T` prints it."""
    return str(host.check_output("nginx -T 2>/dev/null"))


def test_gixy_finds_nothing(host: Host, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(nginx_dump(host))
    gixy = Path(sys.executable).with_name("gixy")
    found = subprocess.run(  # noqa: S603 - our own program
        [gixy, "--format", "json", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert json.loads(found.stdout) == [], found.stdout
    assert found.returncode == 0, found.stderr


def test_an_operator_may_check_the_settings_as_root(host: Host) -> None:
    nginx_dump(host)
    assert host.check_output("find /var/lib/nginx /var/cache/nginx /run/nginx ! -user www-data") == ""


def test_nginx_runs_without_root_and_in_a_sandbox(host: Host) -> None:
    assert {process.user for process in host.process.filter(comm="nginx")} == {"www-data"}
    output = host.check_output("systemd-analyze security --no-pager nginx.service | tail -1")
    assert float(output.split(":")[1].split()[0]) <= 2.0
    assert host.run("systemd-analyze verify --man=no nginx.service").stderr == ""


def test_invalid_settings_do_not_stop_nginx(host: Host, site: httpx.Client) -> None:
    path = "/etc/nginx/rising-stars/machine.conf"
    host.check_output(f"cp {path} /run/kept.conf; echo rubbish >> {path}")
    try:
        assert host.run("systemctl reload nginx").failed
        assert site.get("/health").status_code == 200
    finally:
        host.check_output(f"cp /run/kept.conf {path}; systemctl reload nginx")


def test_nginx_answers_again_after_a_kill_and_after_a_restart(host: Host, address: str) -> None:
    asked = "curl --silent --output /dev/null http://127.0.0.1/health"
    until_it_answers = f"timeout 60 sh -c 'until {asked}; do sleep 0.2; done'"
    host.check_output("kill -KILL $(systemctl show nginx --property MainPID --value)")
    host.check_output(until_it_answers)
    assert httpx.get(f"http://{address}/health", trust_env=False).status_code == 200
    host.check_output("systemctl restart nginx")
    host.check_output(until_it_answers)
    assert httpx.get(f"http://{address}/health", trust_env=False).status_code == 200
    assert host.check_output("systemctl --failed --no-legend --plain") == ""


def test_a_stop_waits_for_a_request_in_progress(host: Host, address: str) -> None:
    with socket.create_connection((address, 80), timeout=30) as peer:
        body = json.dumps({"email": "a@example.org", "password": "x"}).encode()
        peer.sendall(
            f"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-1]
        )
        time.sleep(0.5)
        host.check_output("systemctl stop --no-block nginx; sleep 1")
        peer.sendall(body[-1:])
        assert peer.recv(4096).startswith(b"HTTP/1.1 401")
    host.check_output("systemctl start nginx")
