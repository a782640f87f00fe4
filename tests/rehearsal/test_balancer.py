"""The rehearsal's load balancer: a real HAProxy in front of servers on loopback addresses."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from demo.ports import free_port
from rehearsal.balancer import LoadBalancer
from rehearsal.control import Balancer, TargetGroup
from testing.processes import wait_until
from testing.programs import haproxy

pytestmark = pytest.mark.slow

SLOW_SECONDS = 3


@dataclass
class Target:
    """A fake web host that returns its address. /ready returns 503 unless `ready` is set; /slow waits first."""

    address: str
    port: int
    ready: bool = True

    def serve(self) -> ThreadingHTTPServer:
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/slow":
                    time.sleep(SLOW_SECONDS)
                status = 503 if self.path == "/ready" and not target.ready else 200
                body = target.address.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write no log."""

        server = ThreadingHTTPServer((self.address, self.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def targets() -> Iterator[dict[str, Target]]:
    port = free_port()
    made = {name: Target(f"127.0.0.{number}", port) for number, name in ((2, "i-two"), (3, "i-three"))}
    with ExitStack() as running:
        for target in made.values():
            server = target.serve()
            running.callback(server.server_close)
            running.callback(server.shutdown)
        yield made


@pytest.fixture
def wanted(targets: dict[str, Target]) -> Balancer:
    group = TargetGroup(
        arn="arn",
        name="web",
        port=targets["i-two"].port,
        health_path="/ready",
        health_seconds=1,
        healthy_after=1,
        unhealthy_after=1,
        draining_seconds=30,
    )
    return Balancer(name="site", idle_seconds=10, target_group=group, refused=("/metrics", "/metrics/*"))


@pytest.fixture
def balancer() -> Iterator[LoadBalancer]:
    haproxy()
    # The folder's name is short because the length of a Unix socket's path is limited.
    with tempfile.TemporaryDirectory(prefix="lb-") as folder, LoadBalancer(free_port(), Path(folder)) as made:
        yield made


def addresses(targets: dict[str, Target], *names: str) -> dict[str, str]:
    return {name: targets[name].address for name in names or targets}


def answers(balancer: LoadBalancer, count: int = 8) -> set[str]:
    """Send `count` requests and return the addresses of the hosts that responded."""
    url = f"http://127.0.0.1:{balancer.port}/"
    return {httpx.get(url, trust_env=False).raise_for_status().text for _ in range(count)}


def test_requests_are_sent_to_all_healthy_targets_and_no_others(
    balancer: LoadBalancer, wanted: Balancer, targets: dict[str, Target]
) -> None:
    balancer.follow(wanted, addresses(targets))
    wait_until(lambda: balancer.health() == {"i-two": True, "i-three": True}, what="two healthy targets")
    assert answers(balancer) == {"127.0.0.2", "127.0.0.3"}
    targets["i-two"].ready = False
    wait_until(lambda: balancer.health() == {"i-two": False, "i-three": True}, what="the failing check")
    assert answers(balancer) == {"127.0.0.3"}
    assert balancer.requests() >= 16


def test_a_new_target_receives_no_request_before_its_health_checks_succeed(
    balancer: LoadBalancer, wanted: Balancer, targets: dict[str, Target]
) -> None:
    targets["i-two"].ready = False
    balancer.follow(wanted, addresses(targets, "i-two"))
    assert httpx.get(f"http://127.0.0.1:{balancer.port}/", trust_env=False).status_code == 503
    assert balancer.health() == {"i-two": False}


def test_a_deregistered_target_finishes_open_requests(
    balancer: LoadBalancer, wanted: Balancer, targets: dict[str, Target]
) -> None:
    balancer.follow(wanted, addresses(targets, "i-two"))
    wait_until(lambda: balancer.health() == {"i-two": True}, what="a healthy target")
    statuses: list[int] = []

    def ask() -> None:
        answer = httpx.get(f"http://127.0.0.1:{balancer.port}/slow", trust_env=False, timeout=30)
        statuses.append(answer.status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(SLOW_SECONDS / 3)
    balancer.follow(wanted, addresses(targets, "i-three"))
    balancer.follow(wanted, addresses(targets, "i-three"))
    assert not balancer.drained("i-two")
    asking.join()
    assert statuses == [200]
    wait_until(lambda: follow_until_drained(balancer, wanted, targets), what="the end of the draining")


def follow_until_drained(balancer: LoadBalancer, wanted: Balancer, targets: dict[str, Target]) -> bool:
    balancer.follow(wanted, addresses(targets, "i-three"))
    return balancer.drained("i-two")


def test_internal_paths_are_not_found(balancer: LoadBalancer, wanted: Balancer, targets: dict[str, Target]) -> None:
    balancer.follow(wanted, addresses(targets))
    wait_until(lambda: all(balancer.health().values()), what="healthy targets")
    url = f"http://127.0.0.1:{balancer.port}"
    assert [httpx.get(url + path, trust_env=False).status_code for path in ("/metrics", "/metrics/x")] == [404, 404]


def test_a_changed_health_check_is_applied(
    balancer: LoadBalancer, wanted: Balancer, targets: dict[str, Target]
) -> None:
    targets["i-two"].ready = False
    group = replace(wanted.target_group, health_path="/other")
    balancer.follow(wanted, addresses(targets, "i-two"))
    balancer.follow(replace(wanted, target_group=group), addresses(targets, "i-two"))
    wait_until(lambda: balancer.health() == {"i-two": True}, what="a healthy target")
