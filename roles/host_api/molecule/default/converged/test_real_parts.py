"""The same units on PostgreSQL, whose certificate is verified, and on an S3 that checks signatures."""

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
    """The host's settings lead to them, and to the stand-ins again afterwards."""
    with settings_of_real_parts(host, SETTINGS, database, store):
        start(host)
        yield
    start(host)


def start(host: Host) -> None:
    """Let the services read their settings again."""
    host.check_output("systemctl stop rising-stars-api.target rising-stars-migrate rising-stars-settings")
    host.check_output("systemctl start rising-stars-api.target")


def test_the_real_service_answers_on_its_socket(host: Host) -> None:
    waiting = host.run(f"{AWAIT} '/ready' 30 '1 2'")
    assert waiting.succeeded, waiting.stderr
    log = host.check_output("systemctl reload rising-stars-migrate; journalctl -u rising-stars-migrate -o cat")
    assert "nothing to do" in log


def test_a_database_whose_certificate_is_anothers_keeps_the_api_down_and_is_named(host: Host) -> None:
    another = Authority.create().certificate
    host.check_output(f"cp {CA} {CA}.kept; printf '%s' '{another}' > {CA}")
    host.check_output("systemctl stop rising-stars-api.target rising-stars-migrate")
    assert host.run("timeout 60 systemctl start rising-stars-api@1").failed
    assert "SSL error" in host.check_output("journalctl -u rising-stars-migrate -o cat | tail -20")
    host.check_output(f"mv {CA}.kept {CA}")
    waiting = host.run(f"{AWAIT} /ready 40 '1 2'")
    assert waiting.succeeded, waiting.stderr


def test_a_database_that_goes_away_does_not_take_the_api_with_it(host: Host, database: Database) -> None:
    database.doorway.shut()
    try:
        assert host.run(f"sleep 3; {AWAIT} /ready 1 '1 2'").succeeded
    finally:
        database.doorway.open()
    assert host.run(f"{AWAIT} '/ready?deep=1' 30 '1 2'").succeeded
