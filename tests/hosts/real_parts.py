"""Real dependencies for a role's scenario: PostgreSQL with TLS, and an S3 server that checks signatures.

This is a pytest plugin that tests.hosts.molecule loads. The host reads its settings from a file that the scenario's
prepare.yml writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from testinfra.host import Host

from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import podman
from rehearsal.hosts.services import Database, Store, running_database, running_store

CA = "/opt/rising-stars/files/database-ca.pem"


@contextmanager
def joined_network(host: Host) -> Iterator[Network]:
    """Connect the scenario's host to a new network until the `with` block ends."""
    with Network() as made:
        podman("network", "connect", made.name, host.backend.name)
        yield made
        podman("network", "disconnect", "--force", made.name, host.backend.name)


@pytest.fixture(scope="module")
def network(host: Host) -> Iterator[Network]:
    """A network that contains the services and the scenario's host."""
    with joined_network(host) as made:
        yield made


@pytest.fixture(scope="module")
def store(network: Network) -> Iterator[Store]:
    """An S3-compatible store that checks signatures."""
    with running_store(network) as running:
        yield running


@pytest.fixture(scope="module")
def database(network: Network) -> Iterator[Database]:
    """A PostgreSQL server with TLS."""
    with running_database(network) as running:
        yield running


@contextmanager
def settings_of_real_parts(host: Host, settings: str, database: Database, store: Store) -> Iterator[str]:
    """Add the store and a new database to the host's environment file `settings`; yield the database's name.

    The file is restored afterwards. The caller restarts the services.
    """
    name = database.server.create_database()
    where = f"{database.address}:{database.port}/{name}?sslmode=verify-full&sslrootcert={CA}"
    given = {
        "DATABASE_URL": f"postgresql://stars:{database.server.password}@{where}",
        "S3_BUCKET": store.server.bucket,
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_ACCESS_KEY_ID": store.server.access_key,
        "AWS_SECRET_ACCESS_KEY": store.server.secret_key,
    }
    host.check_output(f"mkdir -p $(dirname {CA}); printf '%s' '{database.authority.certificate}' > {CA}")
    host.check_output(f"cp {settings} {settings}.kept")
    for variable, value in given.items():
        host.check_output(f"echo '{variable}=\"{value}\"' >> {settings}")
    try:
        yield name
    finally:
        host.check_output(f"mv {settings}.kept {settings}")
