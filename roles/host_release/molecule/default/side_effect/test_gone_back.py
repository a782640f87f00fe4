"""Tests of the host after a rollback to the previous release."""

from testinfra.host import Host


def test_the_previous_release_is_in_use(host: Host) -> None:
    assert host.check_output("/opt/rising-stars/current/bin/rising-stars") == "rising-stars 0.0.3-g33333333"


def test_the_newer_release_is_kept(host: Host) -> None:
    assert len(host.file("/opt/rising-stars/releases").listdir()) == 3
