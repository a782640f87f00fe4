"""/health, /ready and /metrics for load balancers, operators and Prometheus, including while a dependency is down."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from testing.answers import UNKNOWN_ID, all_at_once, refusal
from testing.cables import Cable
from testing.homes import Home
from testing.people import PASSWORD, sign_up_form
from testing.processes import wait_until
from testing.sites import Site, SiteMaker, running_site

pytestmark = pytest.mark.either_backend

LayCable = Callable[[int], Cable]
DEPENDENCIES = ("database", "queue", "storage")
BALANCER_PATIENCE_SECONDS = 5


def set_port(url: str, port: int) -> str:
    head, _, tail = url.rpartition(":")
    return f"{head}:{port}{tail.lstrip('0123456789')}"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


@dataclass(frozen=True)
class Wiring:
    """A cable (TCP proxy) to each dependency, and the settings with which a site connects through the cables."""

    to: dict[str, Cable]
    settings: dict[str, str]


@pytest.fixture
def wiring(home: Home, lay_cable: LayCable) -> Wiring:
    """Cables to the site's dependencies; on the embedded backend only to the store, because the others are files."""
    variables = {"storage": "AWS_ENDPOINT_URL"}
    if home.backend == "production":
        variables |= {"database": "DATABASE_URL", "queue": "QUEUE_URL"}
    to = {dependency: lay_cable(port_of(home.environment[name])) for dependency, name in variables.items()}
    return Wiring(
        to, {name: set_port(home.environment[name], to[dependency].port) for dependency, name in variables.items()}
    )


on_every_cable = pytest.mark.parametrize(
    "dependency",
    [
        pytest.param("database", marks=pytest.mark.only_on("production")),
        pytest.param("queue", marks=pytest.mark.only_on("production")),
        "storage",
    ],
)


def dependencies_down(site: Site, *, deep: bool = False) -> tuple[int, set[str]]:
    answer = site.api.get("/ready", params={"deep": "1"} if deep else {})
    report = answer.json()
    assert set(report) >= set(DEPENDENCIES)
    return answer.status_code, {dependency for dependency in DEPENDENCIES if report[dependency] != "ok"}


# Healthy


@pytest.mark.parametrize("path", ["/health", "/health/", "/api/health", "/api/health/"])
def test_a_live_process_answers_health_with_200(site: Site, path: str) -> None:
    answer = site.api.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})


@pytest.mark.parametrize("query", ["", "?deep=1", "?deep=0", "?colour=red"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_site_with_healthy_dependencies_is_ready(site: Site, query: str, slash: str) -> None:
    answer = site.api.get(f"/ready{slash}{query}")
    assert answer.status_code == 200
    assert {dependency: answer.json()[dependency] for dependency in DEPENDENCIES} == dict.fromkeys(DEPENDENCIES, "ok")


def test_metrics_are_prometheus_text_and_count_requests_by_route(site: Site) -> None:
    def counted() -> float:
        families = text_string_to_metric_families(site.api.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        return sum(s.value for s in samples if s.name.endswith("requests_total") and "rankings" in str(s.labels))

    before = counted()
    for _ in range(3):
        site.api.get("/api/public/rankings")
    assert counted() == before + 3
    assert site.api.get("/metrics").headers["content-type"].startswith("text/plain")


def test_no_request_can_add_a_label_value_to_the_metrics(site: Site) -> None:
    site.api.get("/api/made-up-by-a-client")
    site.api.get("/api/public/videos/made-up-by-a-client")
    site.api.request("MADEUP", "/api/videos")
    text = site.api.get("/metrics").text
    assert "made-up" not in text
    assert "MADEUP" not in text


# A dependency goes down


@on_every_cable
def test_a_dependency_that_goes_down_is_reported_and_the_machine_stays_in_service(
    wiring: Wiring, make_site: SiteMaker, dependency: str
) -> None:
    site = make_site(wiring.settings)
    wiring.to[dependency].cut()
    wait_until(lambda: dependencies_down(site) == (200, {dependency}), what=f"{dependency} reported down", seconds=10)
    answer = site.api.get("/ready?deep=1")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert dependencies_down(site, deep=True) == (503, {dependency})
    assert site.api.get("/health").status_code == 200
    wiring.to[dependency].plug_in()
    wait_until(
        lambda: dependencies_down(site, deep=True) == (200, set()), what=f"{dependency} reported healthy", seconds=10
    )
    for secret in secrets_of(site):
        assert secret not in site.log


def secrets_of(site: Site) -> list[str]:
    """Return the secrets that a connection error could contain."""
    urls = [urlsplit(site.environment[name]).password for name in ("DATABASE_URL", "QUEUE_URL")]
    return [secret for secret in (*urls, site.environment["AWS_SECRET_ACCESS_KEY"]) if secret]


@pytest.mark.only_on("production")
@pytest.mark.parametrize("dependency", ["queue", "storage"])
def test_a_hanging_dependency_does_not_make_readiness_hang(
    wiring: Wiring, make_site: SiteMaker, dependency: str
) -> None:
    site = make_site(wiring.settings)
    wiring.to[dependency].muffle()

    def reported_down() -> bool:
        began = time.monotonic()
        found = dependencies_down(site)
        assert time.monotonic() - began < BALANCER_PATIENCE_SECONDS
        return found == (200, {dependency})

    wait_until(reported_down, what=f"{dependency} reported down", seconds=30)


@pytest.mark.only_on("production")
def test_while_the_database_hangs_readiness_is_prompt_and_requests_fail_concurrently(
    wiring: Wiring, make_site: SiteMaker
) -> None:
    site = make_site(wiring.settings)
    wiring.to["database"].muffle()
    began = time.monotonic()
    seconds: dict[str, float] = {}

    def timed_get(path: str) -> httpx.Response:
        answer = site.api.get(path)
        seconds[path] = max(seconds.get(path, 0), time.monotonic() - began)
        return answer

    # Eight ranking requests occupy half of the sixteen threads; the others imitate health checks.
    paths = ["/api/public/rankings"] * 8 + ["/ready", "/health"] * 4
    answers = all_at_once(*(partial(timed_get, path) for path in paths))
    assert [answer.status_code for answer in answers] == [503] * 8 + [200] * 8
    assert max(seconds["/ready"], seconds["/health"]) < BALANCER_PATIENCE_SECONDS
    assert seconds["/api/public/rankings"] < 15
    wait_until(lambda: dependencies_down(site) == (200, {"database"}), what="the database reported down", seconds=30)
    wiring.to["database"].plug_in()
    wait_until(lambda: site.api.get("/api/public/rankings").status_code == 200, what="recovery", seconds=10)


@pytest.mark.only_on("production")
@on_every_cable
def test_at_startup_a_site_needs_every_dependency_but_the_queue_to_be_ready(
    wiring: Wiring, make_site: SiteMaker, dependency: str
) -> None:
    wiring.to[dependency].cut()
    site = make_site(wiring.settings, ready=dependency == "queue")
    answer = site.api.get("/ready")
    assert answer.status_code == (200 if dependency == "queue" else 503)
    assert answer.json()[dependency] != "ok"
    assert ("Retry-After" in answer.headers) is (dependency != "queue")
    assert site.api.get("/health").status_code == 200
    wiring.to[dependency].plug_in()
    wait_until(lambda: dependencies_down(site) == (200, set()), what="readiness", seconds=10)


# What still works while a dependency is down


@pytest.mark.only_on("production")
def test_an_api_that_loses_its_database_recovers_by_itself(wiring: Wiring, make_site: SiteMaker) -> None:
    site = make_site(wiring.settings)
    player = site.sign_up()
    wiring.to["database"].cut()
    answer = player.get("/api/videos")
    assert isinstance(refusal(answer, 503), str)
    assert int(answer.headers["Retry-After"]) > 0
    wiring.to["database"].plug_in()
    wait_until(lambda: player.get("/api/videos").status_code == 200, what="recovery", seconds=10)


@pytest.mark.only_on("production")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/public/videos"),
        ("GET", "/api/public/rankings"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/signup"),
        ("POST", "/api/auth/refresh"),
        ("POST", f"/api/public/videos/{UNKNOWN_ID}/vote"),
        ("DELETE", "/api/auth"),
    ],
)
def test_every_route_that_needs_the_database_answers_503_with_retry_after(
    site_without_database: Site, headers_of_a_new_player: dict[str, str], method: str, path: str
) -> None:
    bodies: dict[str, dict[str, object]] = {
        "/api/auth/login": {"email": "ana@example.com", "password": PASSWORD},
        "/api/auth/signup": sign_up_form(),
        "/api/auth/refresh": {"refresh_token": "some token"},
    }
    answer = site_without_database.api.request(method, path, json=bodies.get(path), headers=headers_of_a_new_player)
    assert isinstance(refusal(answer, 503), str)
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.only_on("production")
def test_metrics_are_served_without_the_database(site_without_database: Site) -> None:
    answer = site_without_database.api.get("/metrics")
    assert answer.status_code == 200
    assert "rising_stars_requests_total" in answer.text


@pytest.fixture(scope="module")
def site_without_database(home: Home) -> Iterator[Site]:
    """An API whose database has never been reachable."""
    with running_site(
        home.with_settings(DATABASE_URL=set_port(home.environment["DATABASE_URL"], 9)), ready=False
    ) as site:
        yield site


@pytest.fixture(scope="module")
def headers_of_a_new_player(site: Site) -> dict[str, str]:
    return site.sign_up().headers


@pytest.mark.only_on("production")
@pytest.mark.parametrize("fault", [Cable.cut, Cable.muffle], ids=["gone", "hanging"])
def test_without_its_queue_the_api_accepts_votes_and_clips_and_counts_requests_it_did_not_limit(
    wiring: Wiring, make_site: SiteMaker, small_clip: Path, fault: Callable[[Cable], None]
) -> None:
    site = make_site(wiring.settings)
    player = site.sign_up()
    video_id = site.publish_video(player)
    assert "rising_stars_limits_failed_open_total 0.0" in site.api.get("/metrics").text
    fault(wiring.to["queue"])
    began = time.monotonic()
    assert player.vote(video_id).status_code == 200
    assert time.monotonic() - began < BALANCER_PATIENCE_SECONDS
    assert "rising_stars_limits_failed_open_total 0.0" not in site.api.get("/metrics").text
    assert player.upload(small_clip).status_code == 201
    assert time.monotonic() - began < 15
    assert [video["status"] for video in player.get("/api/videos").json()] == ["processed", "uploaded"]


def test_without_its_storage_an_upload_is_refused_for_now_and_leaves_nothing(
    wiring: Wiring, make_site: SiteMaker, small_clip: Path
) -> None:
    site = make_site(wiring.settings)
    player = site.sign_up()
    wiring.to["storage"].cut()
    answer = player.upload(small_clip)
    assert isinstance(refusal(answer, 503), str)
    assert int(answer.headers["Retry-After"]) > 0
    assert list(site.work_dir.iterdir()) == []
    assert site.video_count(player) == 0
    assert player.get("/api/videos").json() == []


def test_the_public_list_needs_no_storage(wiring: Wiring, make_site: SiteMaker) -> None:
    site = make_site(wiring.settings)
    video_id = site.publish_video(site.sign_up())
    wiring.to["storage"].cut()
    assert site.api.get(f"/api/public/videos/{video_id}").status_code == 200


# Stopping


def test_a_stopping_process_reports_it_and_finishes_open_requests(make_site: SiteMaker) -> None:
    site = make_site()
    form = json.dumps(sign_up_form()).encode()
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as slow:
        head = f"POST /api/auth/signup HTTP/1.1\r\nHost: x\r\nContent-Length: {len(form)}\r\n"
        slow.sendall(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n".encode() + form[:10])
        # Open a second connection before the stop, so that the test can still request /ready afterwards.
        assert site.api.get("/ready").status_code == 200
        os.kill(site.processes["api"].pid, signal.SIGTERM)
        wait_until(lambda: site.api.get("/ready").status_code == 503, what="a draining /ready", seconds=5)
        assert site.processes["api"].running
        slow.sendall(form[10:])
        with closing(slow.makefile("rb")) as answer:
            assert answer.readline().split()[1] == b"201"
    site.api.close()
    wait_until(lambda: not site.processes["api"].running, what="the end", seconds=20)
    assert site.processes["api"].stop() == 0


def test_ready_fails_while_the_drain_file_exists_and_requests_are_still_answered(
    make_site: SiteMaker, tmp_path: Path
) -> None:
    drain_file = tmp_path / "draining"
    site = make_site(DRAIN_FILE=str(drain_file))
    drain_file.touch()
    answer = site.api.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert site.api.get("/health").status_code == 200
    assert site.sign_up().id
    drain_file.unlink()
    assert site.api.get("/ready").status_code == 200
