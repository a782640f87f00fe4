"""verify_site.yml sends requests to the load balancer's own name, whether or not the site's name exists in DNS."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY, run_playbook
from testing import sites
from testing.homes import BRISK, GENEROUS, Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DOMAIN = "stars.example.invalid"
"""A name that DNS never resolves (RFC 6761)."""
SECRET = "verification-" + "x" * 40
CNAME = f"Make this DNS record where {DOMAIN} is kept"


class TlsBalancer:
    """A load balancer at 127.0.0.1 that accepts only TLS connections for `DOMAIN` and forwards them to one port."""

    def __init__(self, folder: Path, target: int) -> None:
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={DOMAIN}"]
        command += ["-addext", f"subjectAltName=DNS:{DOMAIN}", "-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)
        self.names: set[str | None] = set()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self._context.sni_callback = lambda _socket, name, _context: self.names.add(name)
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Without the shutdown, the thread would still wait for a connection.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            self._context.wrap_socket(client, server_side=True) as visitor,
            socket.create_connection(("127.0.0.1", self._target)) as site,
        ):
            back = threading.Thread(target=pump, args=(site, visitor), daemon=True)
            back.start()
            pump(visitor, site)
            back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Forward everything that `source` sends, then end the connection to `sink`."""
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def balancer(new_home: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsBalancer]:
    """A load balancer in front of a real site."""
    home = new_home("embedded").with_settings(**GENEROUS, **BRISK, VERIFICATION_SECRET=SECRET)
    with sites.running_site(home, with_worker=True) as site:
        front = TlsBalancer(tmp_path_factory.mktemp("balancer"), site.port)
        with closing(front):
            yield front


@pytest.fixture(scope="module", autouse=True)
def secret(aws: MockAws) -> None:
    """Create the verification secret, which the playbook reads."""
    aws.client("secretsmanager").create_secret(Name="rising-stars/rehearsal/verification", SecretString=SECRET)


def verify(aws: MockAws, balancer: TlsBalancer, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run verify_site.yml on a site whose domain has no DNS record."""
    result = {"url": f"https://{DOMAIN}:{balancer.port}", "dns_name": "localhost", "warnings": [f"{CNAME}: CNAME"]}
    variables = {"aws_network_result": {}, "aws_load_balancer_result": result, "lookup_attempts": 1, **settings}
    options = ("-i", str(REPOSITORY / "inventory/rehearsal"), "-e", json.dumps(variables))
    environment = {**aws.env, "SSL_CERT_FILE": str(balancer.certificate)}
    return run_playbook(REPOSITORY / "playbooks/verify_site.yml", *options, env=environment)


def test_a_site_whose_name_has_no_dns_record_is_verified_through_the_load_balancers_name(
    aws: MockAws, balancer: TlsBalancer
) -> None:
    done = verify(aws, balancer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified: sign-up, upload, render, vote and ranking" in done.stdout
    assert CNAME in done.stdout.partition("SUMMARY")[2]
    assert balancer.names == {DOMAIN}


def test_a_certificate_for_another_name_fails_the_verification(aws: MockAws, balancer: TlsBalancer) -> None:
    other = {"url": f"https://other.example.invalid:{balancer.port}", "dns_name": "localhost", "warnings": []}
    done = verify(aws, balancer, aws_load_balancer_result=other, patience_seconds=10)
    assert done.returncode != 0
    assert "certificate is not valid for 'other.example.invalid'" in done.stdout


def test_a_load_balancer_whose_name_does_not_resolve_is_skipped_with_one_sentence(
    aws: MockAws, balancer: TlsBalancer
) -> None:
    unknown = {"url": f"https://{DOMAIN}", "dns_name": "balancer.example.invalid", "warnings": [f"{CNAME}: CNAME"]}
    done = verify(aws, balancer, aws_load_balancer_result=unknown)
    summary = " ".join(done.stdout.partition("SUMMARY")[2].split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified: sign-up" not in summary
    assert CNAME in summary
    assert "The site is not verified, because the name balancer.example.invalid does not resolve" in summary
