"""Mock AWS as a separate process on a free port, and the environment variables with which the operator calls it."""

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
from rehearsal.aws import plans
from rehearsal.aws.authorization import POLICIES, Attachment
from rehearsal.aws.recording import Call
from rehearsal.aws.throttling import ORDERS, Order
from testing.processes import Subprocess

REPOSITORY = Path(__file__).parents[2]
REGION = "us-east-1"
KEY = "testing"


@dataclass(frozen=True)
class MockAws:
    """A running mock AWS, initially empty."""

    endpoint: str
    record: Path
    """The file of recorded requests, with one JSON line per request."""
    key: str = KEY
    """The operator's access key ID; the secret access key is the same string."""

    @property
    def env(self) -> dict[str, str]:
        """The environment variables with which boto3, Ansible and the platform call mock AWS as the operator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.key,
        }

    def client(self, service: str, *, region: str = REGION, **credentials: str) -> Any:
        """Return a boto3 client with the given credentials; by default, with the operator's."""
        own = {"aws_access_key_id": self.key, "aws_secret_access_key": self.key}
        known: dict[str, Any] = credentials or own
        session: Any = boto3.session.Session(region_name=region, **known)
        return session.client(service, endpoint_url=self.endpoint, config=Config(proxies={}))

    def calls(self) -> list[Call]:
        """Return all requests so far, in order."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [Call(*(line[name] for name in Call._fields)) for line in map(json.loads, lines)]

    def operations(self) -> list[str]:
        """Return the operations of all requests so far, in order."""
        return [call.operation for call in self.calls()]

    def throttle(self, *, after: int, refusals: int | None) -> None:
        """Throttle the operator's calls, as rehearsal/aws/throttling.py describes."""
        order = Order(self.key, after, refusals)
        httpx.post(f"{self.endpoint}{ORDERS}", json=asdict(order), trust_env=False).raise_for_status()

    def throttled(self) -> list[Order]:
        """Return the throttling orders with their counts, oldest first."""
        answer = httpx.get(f"{self.endpoint}{ORDERS}", trust_env=False).raise_for_status()
        return [Order(**order) for order in answer.json()]

    def serve_all(self) -> None:
        """Stop throttling."""
        httpx.delete(f"{self.endpoint}{ORDERS}", trust_env=False).raise_for_status()

    def ensure_default_vpc(self) -> None:
        """Create the region's default VPC, which mock AWS lacks at first, if it does not exist yet."""
        ec2 = self.client("ec2")
        if not ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]:
            ec2.create_default_vpc()

    def prepare_for_databases(self) -> None:
        """Create what databases outside a site need: the default VPC and RDS' service-linked role."""
        self.ensure_default_vpc()
        self.client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com")

    def set_plan(self, plan: str) -> None:
        """Give the account the free plan (FREE) or a paid plan (PAID)."""
        httpx.post(f"{self.endpoint}{plans.ORDERS}", json={"plan": plan}, trust_env=False).raise_for_status()

    @contextmanager
    def policies_attached(self, attachment: Attachment) -> Iterator[list[str]]:
        """Reject calls that policies do not allow (rehearsal/aws/authorization.py) until the `with` block ends.

        Yields:
            A list that is empty until the block ends, and then contains the denied permissions.
        """
        url = f"{self.endpoint}{POLICIES}"
        refused: list[str] = []
        httpx.put(url, json=asdict(attachment), trust_env=False).raise_for_status()
        try:
            yield refused
        finally:
            refused += httpx.delete(url, trust_env=False).raise_for_status().json()

    def judge_calls(self, *, after: int = 0) -> None:
        """Enforce signatures and IAM policies after `after` more calls."""
        url = f"{self.endpoint}/moto-api/reset-auth"
        httpx.post(url, content=str(after).encode(), trust_env=False).raise_for_status()


@contextmanager
def running_mock_aws(folder: Path, *, host: str = "127.0.0.1", strict: int | None = None) -> Iterator[MockAws]:
    """Run a mock AWS until the `with` block ends. It writes its record and its log to `folder`.

    With `strict`, it delays and refuses calls as AWS does (rehearsal/aws/strict); the number is the delays' seed.
    """
    port = free_port()
    aws = MockAws(f"http://{host}:{port}", folder / "calls.jsonl")
    command = [sys.executable, "-m", "rehearsal.aws", "--host", host, "--port", str(port), "--record", str(aws.record)]
    if strict is not None:
        command += ["--strict", str(strict)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    server = Subprocess(command, log=folder / "moto.log", environment=environment)
    try:
        server.wait_until(lambda: _answers(aws), what="the start of mock AWS")
        yield aws
    finally:
        server.stop()


def _answers(aws: MockAws) -> bool:
    try:
        return httpx.get(f"{aws.endpoint}/moto-api/", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
