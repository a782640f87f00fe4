"""The services that hosts depend on: PostgreSQL with TLS, and S3. Hosts reach them at the bridge's address."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.seaweedfs import SeaweedFS
from rehearsal.hosts.certificates import Authority
from rehearsal.hosts.doorway import Doorway
from rehearsal.hosts.network import Network
from testing.postgres import UNPRIVILEGED_USERS, Postgres, running_postgres, user_exists

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Database:
    """PostgreSQL, which hosts reach through `doorway`. Shutting the doorway makes the database unreachable."""

    server: Postgres
    address: str
    authority: Authority
    """The CA whose certificate clients need to connect with sslmode=verify-full."""
    doorway: Doorway

    @property
    def port(self) -> int:
        return self.server.port


@contextmanager
def running_database(network: Network, *names: str) -> Iterator[Database]:
    """Run PostgreSQL at the bridge's address. The server's certificate is valid for that address and for `names`."""
    with running_postgres() as server, tempfile.TemporaryDirectory(prefix="rising-stars-tls-") as folder:
        authority = Authority.create()
        enable_tls(server, Path(folder), authority, network.bridge, *names)
        with Doorway(network.bridge, server.port) as doorway:
            yield Database(server, network.bridge, authority, doorway)


def enable_tls(server: Postgres, folder: Path, authority: Authority, *names: str) -> None:
    """Enable TLS on the server, with a certificate for `names`; the certificate and its key are stored in `folder`."""
    issued = authority.issue(*names)
    user = next(filter(user_exists, UNPRIVILEGED_USERS))
    shutil.chown(folder, user)
    files = {"ssl_cert_file": folder / "server.crt", "ssl_key_file": folder / "server.key"}
    for path, text in zip(files.values(), (issued.certificate, issued.key), strict=True):
        path.touch(mode=0o600)
        path.write_text(text)
        shutil.chown(path, user)
    with server.connected("postgres") as database:
        for setting, path in files.items():
            database.execute_sql(f"ALTER SYSTEM SET {setting} = '{path}'")
        database.execute_sql("ALTER SYSTEM SET ssl = on")
        database.execute_sql("SELECT pg_reload_conf()")


@dataclass(frozen=True)
class Store:
    """S3, which hosts reach at `endpoint`."""

    server: SeaweedFS
    endpoint: str
    doorway: Doorway


@contextmanager
def running_store(network: Network) -> Iterator[Store]:
    """Run an S3 server at the bridge's address. It verifies the signatures of requests."""
    with tempfile.TemporaryDirectory(prefix="rising-stars-s3-") as folder, SeaweedFS(Path(folder)) as server:
        port = server.ports["s3"]
        with Doorway(network.bridge, port) as doorway:
            yield Store(server, f"http://{network.bridge}:{port}", doorway)
