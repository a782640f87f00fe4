"""A machine that cannot become what it is to be stays out of service, and its tag names the cause."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rehearsal.hosts.boots import Machine, Site
from rehearsal.hosts.bundles import Bundle
from rehearsal.hosts.certificates import Authority
from rehearsal.hosts.visits import status_of, wait_until_ready

pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]

NO_ROOM = "No space left on device"
RUNNING = "systemctl list-units --plain --no-legend --state=active 'rising-stars-*' nginx.service redis-server.service"


@pytest.fixture
def image(baked: tuple[Machine, str]) -> str:
    return baked[1]


@contextmanager
def database_away(site: Site) -> Iterator[None]:
    """Nobody is let through to it meanwhile."""
    site.database.doorway.shut()
    try:
        yield
    finally:
        site.database.doorway.open()


def assert_out_of_service(machine: Machine) -> None:
    """Neither runs anything there, nor will it after a reboot."""
    assert status_of(machine, "/ready") is None
    assert machine.host.run(RUNNING).output == ""
    assert machine.host.run("systemctl start rising-stars-api.target rising-stars-worker.service").exit_code != 0
    assert machine.host.run(RUNNING).output == ""


def test_a_database_that_is_away_keeps_a_machine_out_of_service_and_is_named(
    aws_site: Site, bundle: Bundle, image: str
) -> None:
    machine = aws_site.launch("web", bundle, image=image)
    with database_away(aws_site), machine:
        report = machine.wait_for_report()
        assert report.startswith("failed: host_api : Fail with the units' log: The database cannot be used (")
        assert f'"{aws_site.database.address}", port {aws_site.database.port} failed: Connection refused' in report
        assert_out_of_service(machine)


def test_a_database_that_comes_back_while_a_machine_boots_keeps_nobody_waiting(
    aws_site: Site, bundle: Bundle, image: str
) -> None:
    machine = aws_site.launch("web", bundle, image=image)
    with database_away(aws_site):
        machine.host.start()
        told = "journalctl --unit rising-stars-migrate | grep -q 'The database cannot be used'"
        machine.host.wait_for(told, seconds=300)
        assert status_of(machine, "/ready") is None
    try:
        wait_until_ready(machine)
        assert machine.wait_for_report() == "ready", machine.log()
    finally:
        machine.host.remove()


def test_a_database_with_a_certificate_of_somebody_else_is_told_no_password(
    aws_site: Site, bundle: Bundle, image: str
) -> None:
    trusted = aws_site.ca_bundle
    aws_site.trust(Authority.create("Somebody else").certificate)
    try:
        with aws_site.launch("web", bundle, image=image) as machine:
            report = machine.wait_for_report()
            assert report.startswith("failed: host_api : ")
            assert "The database cannot be used (connection to server at " in report
            assert "certificate verify failed" in report
            assert_out_of_service(machine)
    finally:
        aws_site.trust(trusted)


@pytest.mark.parametrize("kind", ["web", "worker"])
def test_a_secret_that_is_missing_is_named(kind: str, aws_site: Site, bundle: Bundle, image: str) -> None:
    with aws_site.without_secret("jwt") as name, aws_site.launch(kind, bundle, image=image) as machine:
        report = machine.wait_for_report()
        assert report.startswith("failed: host_release : Fail because the site's settings cannot be read: ")
        assert f"The secret {name} is missing in AWS" in report
        assert_out_of_service(machine)


@pytest.mark.parametrize(
    ("room", "step"),
    [
        ("bundles:size=20m", ""),
        ("bundles:size=60m", "unpack the bundle: "),
        ("bundles:size=100m", "install Ansible from the bundle: "),
        ("releases:size=20m", "host_release : Install the packages with the bundle's own pip: "),
    ],
)
def test_a_disk_that_is_full_is_told_with_the_step_that_it_stopped(
    room: str, step: str, aws_site: Site, bundle: Bundle
) -> None:
    full = ["--tmpfs", f"/opt/rising-stars/{room}"]
    with aws_site.launch("web", aws_site.publish(bundle), options=full) as machine:
        report = machine.wait_for_report()
        assert report.startswith(f"failed: {step}")
        assert NO_ROOM in report
        assert_out_of_service(machine)


def test_settings_for_which_there_is_no_room_are_told(aws_site: Site, bundle: Bundle, image: str) -> None:
    room = ["--tmpfs", "/var/lib/rising-stars:size=4k"]
    machine = aws_site.launch("web", bundle, image=image, options=room)
    filling = "subprocess.run('head -c 4096 /dev/zero >/var/lib/rising-stars/somebodys', shell=True)"
    main = '\nif __name__ == "__main__":\n'
    machine.host.user_data = (machine.host.user_data or "").replace(main, f"\n{filling}{main}")
    with machine:
        report = machine.wait_for_report()
        assert report.startswith("failed: host_release : Fail because the site's settings cannot be read: ")
        assert f"could not be written: {NO_ROOM}" in report
        assert_out_of_service(machine)
