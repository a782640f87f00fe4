"""Tests of the release that was installed from the bundle."""

from testinfra.host import Host

ROOT = "/opt/rising-stars"


def test_the_programs_of_the_current_release_run(host: Host) -> None:
    assert "Operate a Rising Stars site" in host.check_output(f"{ROOT}/current/bin/rising-stars --help")
    for program in ("rising-stars-api", "rising-stars-worker", "rising-stars-upkeep"):
        assert host.run(f"{ROOT}/current/bin/{program} --help").succeeded


def test_the_three_newest_releases_are_kept(host: Host) -> None:
    current = host.check_output(f"readlink {ROOT}/current").removeprefix("releases/")
    assert host.file(f"{ROOT}/releases").listdir() == ["0.0.2-g22222222", "0.0.3-g33333333", current]


def test_only_root_may_write_the_programs(host: Host) -> None:
    assert host.check_output(f"find {ROOT} ! -user root -o ! -type l -perm /022 | head") == ""


def test_other_users_may_run_the_programs(host: Host) -> None:
    assert host.run(f"setpriv --reuid nobody --clear-groups {ROOT}/current/bin/rising-stars --help").succeeded


def test_every_module_is_compiled(host: Host) -> None:
    sources = host.check_output(f"find {ROOT}/current/lib -name '*.py' | wc -l")
    compiled = host.check_output(f"find {ROOT}/current/lib -name '*.cpython-311.pyc' | wc -l")
    assert int(compiled) >= int(sources) > 1000


def test_the_release_needs_nothing_from_the_system_except_python(host: Host) -> None:
    paths = host.check_output(f"cd / && {ROOT}/current/bin/python -c 'import sys, app; print(app.__file__, *sys.path)'")
    assert "dist-packages" not in paths
    assert paths.startswith(f"{ROOT}/")


def test_the_settings_unit_is_valid_and_was_not_started(host: Host) -> None:
    assert host.check_output("systemd-analyze verify rising-stars-settings.service 2>&1 || true") == ""
    assert host.check_output("systemctl is-active rising-stars-settings.service || true") == "inactive"
