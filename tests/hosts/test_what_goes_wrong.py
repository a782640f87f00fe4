"""A machine whose configuration fails stays out of service, and its tag names the cause."""

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
    """Refuse all connections to the database until the `with` block ends."""
    site.database.doorway.shut()
    try:
        yield
    finally:
        site.database.doorway.open()


def assert_out_of_service(machine: Machine) -> None:
    """Assert that no service of the platform runs, and that a start, as after a reboot, fails."""
    assert status_of(machine, "/ready") is None
    assert machine.host.run(RUNNING).output == ""
    assert machine.host.run("systemctl start rising-stars-api.target rising-stars-worker.service").exit_code != 0
    assert machine.host.run(RUNNING).output == ""


def test_an_unreachable_database_keeps_a_machine_out_of_service_and_is_named(
    aws_site: Site, bundle: Bundle, image: str
) -> None:
    machine = aws_site.launch("web", bundle, image=image)
    with database_away(aws_site), machine:
        report = machine.wait_for_report()
        assert report.startswith("failed: host_api : Fail with the units' log: The database cannot be used (")
        assert f'"{aws_site.database.address}", port {aws_site.database.port} failed: Connection refused' in report
        assert_out_of_service(machine)


def test_a_machine_becomes_ready_when_the_database_comes_back_during_its_boot(
    aws_site: Site, bundle: Bundle, image: str
) -> None:
    machine = aws_site.launch("web", bundle, image=image)
    with database_away(aws_site):
        machine.host.start()
        first_failure = "journalctl --unit rising-stars-migrate | grep -q 'The database cannot be used'"
        machine.host.wait_for(first_failure, seconds=300)
        assert status_of(machine, "/ready") is None
    try:
        wait_until_ready(machine)
        assert machine.wait_for_report() == "ready", machine.log()
    finally:
        machine.host.remove()


def test_a_database_with_an_untrusted_certificate_receives_no_password(
    aws_site: Site, bundle: Bundle, image: str
) -> None:
    trusted = aws_site.ca_bundle
    aws_site.trust(Authority.create("Another authority").certificate)
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
def test_a_full_disk_is_reported_with_the_step_that_failed(
    room: str, step: str, aws_site: Site, bundle: Bundle
) -> None:
    full = ["--tmpfs", f"/opt/rising-stars/{room}"]
    with aws_site.launch("web", aws_site.publish(bundle), options=full) as machine:
        report = machine.wait_for_report()
        assert report.startswith(f"failed: {step}")
        assert NO_ROOM in report
        assert_out_of_service(machine)


def test_a_lack_of_room_for_the_settings_is_reported(aws_site: Site, bundle: Bundle, image: str) -> None:
    room = ["--tmpfs", "/var/lib/rising-stars:size=4k"]
    machine = aws_site.launch("web", bundle, image=image, options=room)
    filling = "subprocess.run('head -c 4096 /dev/zero >/var/lib/rising-stars/filling', shell=True)"
    main = '\nif __name__ == "__main__":\n'
    machine.host.user_data = (machine.host.user_data or "").replace(main, f"\n{filling}{main}")
    with machine:
        report = machine.wait_for_report()
        assert report.startswith("failed: host_release : Fail because the site's settings cannot be read: ")
        assert f"could not be written: {NO_ROOM}" in report
        assert_out_of_service(machine)
