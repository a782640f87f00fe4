"""What tests of roles start: an AWS of their own."""

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from xdist.remote import Producer  # type: ignore[import-untyped] # it brings no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # nor does this

from demo.ports import free_port
from tests.aws.recording import Call
from tests.aws.throttling import ORDERS, Order
from tests.roles.operator_policy import create_boundary
from tests.roles.playbooks import REPOSITORY

START_SECONDS = 60
SCENARIOS = ("test_molecule", "test_unpatched")
LONGEST = ("test_smoke", "test_site", "test_roll_back", "test_molecule")
"""These begin, so that two workers end together: a story of several minutes at the end would leave one idle."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes several minutes; `make test-interrupted` runs it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


class TogetherByFile(LoadScopeScheduling):  # type: ignore[misc] # no types: Any
    """The tests of a file run in one process, for they share an AWS; a role's scenario has its own."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if Path(file).stem in SCENARIOS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherByFile:
    """pytest-xdist's own groups (loadgroup) hold nothing together under pytest 9.2."""
    return TogetherByFile(config, log)


@dataclass(frozen=True)
class Aws:
    """A running server of `tests.aws`: empty at first, but for the boundary that an administrator makes."""

    endpoint: str
    env: dict[str, str]
    """What makes a process of the operator's talk to it, as an administrator."""
    record: Path
    """Each call it was asked, one JSON line each."""

    def client(self, service: str, **credentials: str) -> Any:
        """A client of boto3; the administrator's unless other credentials are given."""
        known: dict[str, Any] = {
            "aws_access_key_id": self.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"],
        }
        session: Any = boto3.session.Session(region_name=self.env["AWS_REGION"], **(credentials or known))
        return session.client(service, endpoint_url=self.endpoint)

    def calls(self) -> list[Call]:
        """What was asked so far."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [Call(*(line[name] for name in Call._fields)) for line in map(json.loads, lines)]

    def throttle(self, *, after: int, refusals: int | None) -> None:
        """Have the administrator's calls refused, as tests/aws/throttling.py says."""
        order = Order(self.env["AWS_ACCESS_KEY_ID"], after, refusals)
        httpx.post(f"{self.endpoint}{ORDERS}", json=asdict(order)).raise_for_status()

    def throttled(self) -> list[Order]:
        """What came of the orders to throttle, in their order."""
        return [Order(**order) for order in httpx.get(f"{self.endpoint}{ORDERS}").raise_for_status().json()]

    def serve_all(self) -> None:
        """Throttle no more."""
        httpx.delete(f"{self.endpoint}{ORDERS}").raise_for_status()

    def hold_to_policies(self) -> None:
        """From now on, check signatures and judge each call by IAM's policies."""
        httpx.post(f"{self.endpoint}/moto-api/reset-auth", content=b"0").raise_for_status()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An AWS that the tests of one file share."""
    with running_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def fresh_aws(tmp_path: Path) -> Iterator[Aws]:
    """An AWS of a test's own."""
    with running_aws(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run is told of the release that it is to publish."""
    return release_in(tmp_path_factory.mktemp("release"))


def release_in(folder: Path) -> dict[str, str]:
    """Stand-ins for a release: what AWS stores is bytes under a checksum, and no machine of these tests reads them."""
    for name in ("bundle.tar.gz", "ca.pem"):
        (folder / name).write_bytes(secrets.token_bytes(4096))
    return {
        "aws_release_version": "1.0.0",
        "aws_release_bundle": str(folder / "bundle.tar.gz"),
        "aws_release_ca_bundle": str(folder / "ca.pem"),
    }


@contextmanager
def running_aws(folder: Path) -> Iterator[Aws]:
    """The server, stopped by its process afterwards."""
    port = free_port()
    record, endpoint = folder / "calls.jsonl", f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.aws", "--port", str(port), "--record", str(record)],
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(server, port, folder / "server.log")
        credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        region = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        running = Aws(endpoint, {"AWS_ENDPOINT_URL": endpoint, **region, **credentials}, record)
        administrator = {"aws_access_key_id": "administrator", "aws_secret_access_key": "administrator"}
        create_boundary(running.client("iam", **administrator), "rehearsal")
        yield running
    finally:
        server.terminate()
        server.wait(timeout=10)


def wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"The AWS of tests did not start:\n{log.read_text()}")
