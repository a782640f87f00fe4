"""EC2's instance metadata service at 169.254.169.254: version 2 only, so every request needs a token.

The service identifies a machine by its address: `identities` maps each address to the machine's metadata, which
includes the credentials that the machine receives.
"""

import json
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from rehearsal.hosts.network import METADATA_ADDRESS, Network

CREDENTIALS_LIFETIME = timedelta(hours=6)


@dataclass
class Identity:
    """The metadata of one machine. Every field may be changed while the machine runs."""

    instance_id: str
    address: str
    access_key_id: str
    secret_access_key: str
    session_token: str = "token-of-tests"
    role: str = "host"
    region: str = "us-east-1"
    zone: str = "us-east-1a"
    user_data: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    spot_action: Mapping[str, str] | None = None
    """For example {"action": "terminate", "time": "2026-11-24T08:22:00Z"}: a Spot interruption notice."""
    target_lifecycle_state: str | None = None
    """For example "InService" or "Terminated"; None for a machine outside any Auto Scaling group."""

    def answers(self) -> dict[str, Callable[[], str | None]]:
        """Return, for each path, a function that returns the path's content."""
        role = f"meta-data/iam/security-credentials/{self.role}"
        return {
            "meta-data/instance-id": lambda: self.instance_id,
            "meta-data/local-ipv4": lambda: self.address,
            "meta-data/placement/region": lambda: self.region,
            "meta-data/placement/availability-zone": lambda: self.zone,
            "meta-data/iam/security-credentials/": lambda: self.role,
            role: self._credentials,
            "meta-data/spot/instance-action": lambda: json.dumps(self.spot_action) if self.spot_action else None,
            "meta-data/autoscaling/target-lifecycle-state": lambda: self.target_lifecycle_state,
            "meta-data/tags/instance": lambda: "\n".join(self.tags),
            "dynamic/instance-identity/document": self._document,
            "user-data": lambda: self.user_data or None,
        }

    def _credentials(self) -> str:
        now = datetime.now(UTC)
        return json.dumps(
            {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "LastUpdated": f"{now:%Y-%m-%dT%H:%M:%SZ}",
                "AccessKeyId": self.access_key_id,
                "SecretAccessKey": self.secret_access_key,
                "Token": self.session_token,
                "Expiration": f"{now + CREDENTIALS_LIFETIME:%Y-%m-%dT%H:%M:%SZ}",
            }
        )

    def _document(self) -> str:
        return json.dumps(
            {
                "instanceId": self.instance_id,
                "privateIp": self.address,
                "region": self.region,
                "availabilityZone": self.zone,
            }
        )


class MetadataService:
    """Serves the hosts of one network."""

    def __init__(self, network: Network) -> None:
        self.identities: dict[str, Identity] = {}
        """Address → the machine's metadata."""
        self._network = network
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def register(self, identity: Identity) -> Identity:
        """Serve this metadata to the machine at `identity.address`."""
        self.identities[identity.address] = identity
        return identity

    def start(self) -> None:
        """Add the service's address to the network's bridge, and start serving."""
        interface = self._network.interface
        subprocess.run(["ip", "address", "replace", f"{METADATA_ADDRESS}/32", "dev", interface], check=True)
        self._server = _Server(self.identities, interface)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving. The address disappears with the bridge."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    """Listens on one bridge only, so that each network can have its own metadata service at the same address."""

    daemon_threads = True

    def __init__(self, identities: dict[str, Identity], interface: str) -> None:
        self.identities = identities
        self.tokens: set[str] = set()
        self._interface = interface
        super().__init__((METADATA_ADDRESS, 80), _Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._interface.encode() + b"\0")
        super().server_bind()

    def identify(self, address: str) -> Identity | None:
        return self.identities.get(address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_PUT(self) -> None:
        """Return a token. As on AWS, the request must specify a lifetime, and must not come through a proxy."""
        if self.path != "/latest/api/token" or self.headers.get("X-Forwarded-For"):
            return self._answer(HTTPStatus.FORBIDDEN, "")
        if not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
            return self._answer(HTTPStatus.BAD_REQUEST, "")
        token = secrets.token_urlsafe(32)
        self.server.tokens.add(token)
        return self._answer(HTTPStatus.OK, token)

    def do_GET(self) -> None:
        """Return the path's content for the machine that sent the request."""
        if self.headers.get("X-aws-ec2-metadata-token") not in self.server.tokens:
            return self._answer(HTTPStatus.UNAUTHORIZED, "")
        identity = self.server.identify(self.client_address[0])
        path = self.path.removeprefix("/latest/")
        found = _answer_of(identity, path) if identity else None
        return self._answer(HTTPStatus.NOT_FOUND, "") if found is None else self._answer(HTTPStatus.OK, found)

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing, because machines poll the service."""


def _answer_of(identity: Identity, path: str) -> str | None:
    tag = path.removeprefix("meta-data/tags/instance/")
    if tag != path:
        return identity.tags.get(tag)
    answer = identity.answers().get(path)
    return answer() if answer else None
