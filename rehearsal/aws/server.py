"""The mock AWS as a process of its own, on a free port, with an operator's environment that leads there."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from demo.ports import free_port
from rehearsal.aws.recording import Call
from rehearsal.aws.throttling import ORDERS, Order
from testing.processes import Subprocess

REPOSITORY = Path(__file__).parents[2]
REGION = "us-east-1"
KEY = "testing"


@dataclass(frozen=True)
class MockAws:
    """A running mock AWS, empty at first."""

    endpoint: str
    record: Path
    """Each request to it, one JSON line each."""
    key: str = KEY
    """The operator's access key, and its secret."""

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead boto3, Ansible and the platform to it, as the operator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.key,
        }

    def client(self, service: str, *, region: str = REGION, **credentials: str) -> Any:
        """A client of boto3; the operator's unless other credentials are given."""
        own = {"aws_access_key_id": self.key, "aws_secret_access_key": self.key}
        known: dict[str, Any] = credentials or own
        session: Any = boto3.session.Session(region_name=region, **known)
        return session.client(service, endpoint_url=self.endpoint, config=Config(proxies={}))

    def calls(self) -> list[Call]:
        """All requests so far, in order."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [Call(*(line[name] for name in Call._fields)) for line in map(json.loads, lines)]

    def operations(self) -> list[str]:
        """The operations of all requests so far, in order."""
        return [call.operation for call in self.calls()]

    def throttle(self, *, after: int, refusals: int | None) -> None:
        """Refuse the operator's calls, as rehearsal/aws/throttling.py says."""
        order = Order(self.key, after, refusals)
        httpx.post(f"{self.endpoint}{ORDERS}", json=asdict(order), trust_env=False).raise_for_status()

    def throttled(self) -> list[Order]:
        """What came of the orders to throttle, in their order."""
        answer = httpx.get(f"{self.endpoint}{ORDERS}", trust_env=False).raise_for_status()
        return [Order(**order) for order in answer.json()]

    def serve_all(self) -> None:
        """Throttle no more."""
        httpx.delete(f"{self.endpoint}{ORDERS}", trust_env=False).raise_for_status()

    def judge_calls(self, *, after: int = 0) -> None:
        """Check signatures and judge each call by IAM's policies, once `after` more calls were served."""
        url = f"{self.endpoint}/moto-api/reset-auth"
        httpx.post(url, content=str(after).encode(), trust_env=False).raise_for_status()


@contextmanager
def running_mock_aws(folder: Path, *, host: str = "127.0.0.1") -> Iterator[MockAws]:
    """Start it, with its record and its log in `folder`, and stop it afterwards."""
    port = free_port()
    aws = MockAws(f"http://{host}:{port}", folder / "calls.jsonl")
    command = [sys.executable, "-m", "rehearsal.aws", "--host", host, "--port", str(port), "--record", str(aws.record)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    server = Subprocess(command, log=folder / "moto.log", environment=environment)
    try:
        server.wait_until(lambda: _answers(aws), what="the start of the mock AWS")
        yield aws
    finally:
        server.stop()


def _answers(aws: MockAws) -> bool:
    try:
        return httpx.get(f"{aws.endpoint}/moto-api/", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
