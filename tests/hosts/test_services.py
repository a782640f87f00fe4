"""The network and services of test hosts: verified TLS, failing connections, metadata tokens, and cleanup."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from rehearsal.hosts.certificates import Authority
from rehearsal.hosts.host import Host
from rehearsal.hosts.metadata import Identity, MetadataService
from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import podman, remove_leftovers
from rehearsal.hosts.services import Database, running_database

ASK = """\
python3 - <<'END'
import urllib.error, urllib.request
def ask(path, method="GET", **headers):
    address = "http://169.254.169.254/latest/" + path
    try:
        asked = urllib.request.Request(address, method=method, headers=headers)
        return urllib.request.urlopen(asked, timeout=5).read().decode()
    except urllib.error.HTTPError as error:
        return str(error.code)
print(ask("meta-data/instance-id"))
token = ask("api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})
for path in ("instance-id", "spot/instance-action", "autoscaling/target-lifecycle-state", "tags/instance/Role"):
    print(ask("meta-data/" + path, **{"X-aws-ec2-metadata-token": token}))
END
"""


@pytest.fixture(scope="module")
def database(network: Network) -> Iterator[Database]:
    """A PostgreSQL server at the bridge's address."""
    with running_database(network, "database.tests.internal") as running:
        yield running


def connect(database: Database, authority: Authority, folder: Path) -> None:
    """Connect as a host does, and verify the server's certificate and name."""
    certificate = folder / "ca.pem"
    certificate.write_text(authority.certificate)
    where = f"postgresql://stars:{database.server.password}@{database.address}:{database.port}/postgres"
    how = f"sslmode=verify-full&sslrootcert={certificate}&connect_timeout=3"
    peewee.PostgresqlDatabase("postgres", dsn=f"{where}?{how}").connect()


def test_the_database_is_verified_only_by_its_own_authority(database: Database, tmp_path: Path) -> None:
    connect(database, database.authority, tmp_path)
    with pytest.raises(peewee.OperationalError, match="SSL error"):
        connect(database, Authority.create(), tmp_path)


def test_a_shut_doorway_makes_the_database_unreachable_until_it_opens(database: Database, tmp_path: Path) -> None:
    database.doorway.shut()
    with pytest.raises(peewee.OperationalError, match="refused"):
        connect(database, database.authority, tmp_path)
    database.doorway.open()
    connect(database, database.authority, tmp_path)


def test_the_metadata_service_requires_a_token(network: Network, metadata: MetadataService) -> None:
    address = network.address(200)
    me = Identity("i-0123456789abcdef0", address, "key", "secret", tags={"Role": "worker"})
    me.target_lifecycle_state = "InService"
    metadata.register(me)
    with Host(network=network, address=address) as host:
        assert host.output(ASK).split() == ["401", "i-0123456789abcdef0", "404", "InService", "worker"]
        me.spot_action = {"action": "terminate"}
        assert '{"action": "terminate"}' in host.output(ASK)


def test_leftovers_of_a_killed_run_are_removed_and_containers_in_use_are_kept(network: Network) -> None:
    with Host(network=network) as mine, Host(network=network, owned_by="1-0") as orphan:
        remove_leftovers()
        names = podman("ps", "--all", "--format", "{{.Names}}").splitlines()
        assert mine.name in names
        assert orphan.name not in names


def test_a_new_interface_does_not_change_the_bridges_mac_address(network: Network) -> None:
    bridge = Path("/sys/class/net", network.interface, "address")
    before = bridge.read_text()
    newcomer = f"low{os.getpid()}"
    for order in (f"add {newcomer} address 02:00:00:00:00:01 type veth", f"set {newcomer} master {network.interface}"):
        subprocess.run(["ip", "link", *order.split()], check=True)
    try:
        assert bridge.read_text() == before
    finally:
        subprocess.run(["ip", "link", "delete", newcomer], check=True)
