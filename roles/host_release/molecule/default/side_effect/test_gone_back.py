"""After the way back to the release before."""

from testinfra.host import Host


def test_the_release_before_is_in_use(host: Host) -> None:
    assert host.check_output("/opt/rising-stars/current/bin/rising-stars") == "rising-stars 0.0.3-g33333333"


def test_the_newer_release_is_still_there(host: Host) -> None:
    assert len(host.file("/opt/rising-stars/releases").listdir()) == 3
