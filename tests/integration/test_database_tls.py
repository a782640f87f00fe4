"""With the database URL of a deployed machine, connections are encrypted and the server's identity is verified."""

import datetime as dt
import ipaddress
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from peewee import OperationalError

from app.db.database import database, open_database
from app.host.configuration import HostSettings, Machine, compose
from app.host.kinds import Kind
from testing.postgres import UNPRIVILEGED_USERS, Postgres, running_postgres, user_exists

Key = ec.EllipticCurvePrivateKey


def certificate(name: str, key: Key, issuer: str, issuer_key: Key, *, authority: bool) -> bytes:
    """Return a PEM certificate for 127.0.0.1 that is valid for a day."""
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Encrypted:
    """A PostgreSQL server with a certificate, the authority that signed it, and an unrelated authority."""

    server: Postgres
    authority: Path
    another: Path

    def url(self, ca_bundle: Path, *, host: str = "127.0.0.1") -> str:
        """Return the database URL in the form that `rising-stars host configure` writes."""
        hosts = HostSettings(
            environment="t",
            region="r",
            database_host=host,
            database_port=self.server.port,
            database_name="postgres",
            database_username="stars",
            queue_host="q",
            media_bucket="b",
            secret_prefix="p",
            log_group_prefix="/p",
            metric_namespace="n",
            balancer_ranges=["10.20.0.0/24"],
        )
        secrets = dict.fromkeys(("jwt", "doorbell", "redis"), "x" * 40) | {"database": self.server.password}
        return compose(hosts, secrets, Machine("/p/t", Kind.WORKER, ca_bundle))["DATABASE_URL"]


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("authorities")
    authority_key, server_key = new_key(), new_key()
    for name, key in (("authority", authority_key), ("another", new_key())):
        (folder / f"{name}.pem").write_bytes(certificate(name, key, name, key, authority=True))
    home = Path(tempfile.mkdtemp(prefix="rising-stars-tls-"))
    try:
        signed = certificate("server", server_key, "authority", authority_key, authority=False)
        (home / "server.pem").write_bytes(signed)
        (home / "server.key").write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (home / "server.key").chmod(0o600)
        if os.geteuid() == 0:
            user = next(filter(user_exists, UNPRIVILEGED_USERS))
            for path in (home, *home.iterdir()):
                shutil.chown(path, user)
        with running_postgres() as server:
            with server.connected("postgres") as admin:
                admin.execute_sql(f"ALTER SYSTEM SET ssl_cert_file = '{home}/server.pem'")
                admin.execute_sql(f"ALTER SYSTEM SET ssl_key_file = '{home}/server.key'")
                admin.execute_sql("ALTER SYSTEM SET ssl = on")
                admin.execute_sql("SELECT pg_reload_conf()")
            yield Encrypted(server, folder / "authority.pem", folder / "another.pem")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def is_encrypted(url: str) -> bool:
    """Connect as the platform does, and return whether the connection is encrypted."""
    pool = open_database(url, max_connections=2)
    try:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        (answer,) = database.execute_sql(query).fetchone()
        return bool(answer)
    finally:
        database.close()
        pool.close_all()  # type: ignore[attr-defined]


def test_a_connection_is_encrypted_and_the_server_verified(encrypted: Encrypted) -> None:
    assert is_encrypted(encrypted.url(encrypted.authority))


@pytest.mark.parametrize(
    ("bundle", "host", "reason"),
    [
        ("another", "127.0.0.1", "certificate verify failed"),
        ("nowhere", "127.0.0.1", "root certificate file"),
        ("authority", "localhost", "does not match host name"),
    ],
)
def test_a_server_with_an_unverified_identity_receives_no_password(
    bundle: str, host: str, reason: str, encrypted: Encrypted
) -> None:
    path = encrypted.authority.with_name(f"{bundle}.pem")
    with pytest.raises(OperationalError, match=reason):
        is_encrypted(encrypted.url(path, host=host))
