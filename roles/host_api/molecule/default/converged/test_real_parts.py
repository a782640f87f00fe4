"""Tests of the API's systemd units with PostgreSQL over verified TLS and an S3 server that checks signatures."""

from collections.abc import Iterator

import pytest
from testinfra.host import Host

from rehearsal.hosts.certificates import Authority
from rehearsal.hosts.services import Database, Store
from tests.hosts.real_parts import CA, settings_of_real_parts

AWAIT = "/usr/local/lib/rising-stars/await-api"
SETTINGS = "/etc/rising-stars/test.env"


@pytest.fixture(scope="module", autouse=True)
def on_real_parts(host: Host, database: Database, store: Store) -> Iterator[None]:
    """Point the host's settings to PostgreSQL and S3, and afterwards back to SQLite and the fake S3."""
    with settings_of_real_parts(host, SETTINGS, database, store):
        start(host)
        yield
    start(host)


def start(host: Host) -> None:
    """Restart the API with its settings and migration units, so that it reads the settings again."""
    host.check_output("systemctl stop rising-stars-api.target rising-stars-migrate rising-stars-settings")
    host.check_output("systemctl start rising-stars-api.target")


def test_the_api_is_ready_with_postgresql_and_s3(host: Host) -> None:
    waiting = host.run(f"{AWAIT} '/ready' 30 '1 2'")
    assert waiting.succeeded, waiting.stderr
    log = host.check_output("systemctl reload rising-stars-migrate; journalctl -u rising-stars-migrate -o cat")
    assert "nothing to do" in log


def test_an_untrusted_database_certificate_keeps_the_api_down_and_is_logged(host: Host) -> None:
    another = Authority.create().certificate
    host.check_output(f"cp {CA} {CA}.kept; printf '%s' '{another}' > {CA}")
    host.check_output("systemctl stop rising-stars-api.target rising-stars-migrate")
    assert host.run("timeout 60 systemctl start rising-stars-api@1").failed
    assert "SSL error" in host.check_output("journalctl -u rising-stars-migrate -o cat | tail -20")
    host.check_output(f"mv {CA}.kept {CA}")
    waiting = host.run(f"{AWAIT} /ready 40 '1 2'")
    assert waiting.succeeded, waiting.stderr


def test_the_api_stays_ready_while_its_database_is_unreachable(host: Host, database: Database) -> None:
    database.doorway.shut()
    try:
        assert host.run(f"sleep 3; {AWAIT} /ready 1 '1 2'").succeeded
    finally:
        database.doorway.open()
    assert host.run(f"{AWAIT} '/ready?deep=1' 30 '1 2'").succeeded
