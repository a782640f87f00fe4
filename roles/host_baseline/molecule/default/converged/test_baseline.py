"""Tests of the base configuration that every host has."""

from testinfra.host import Host


def test_the_services_user_cannot_log_in(host: Host) -> None:
    stars = host.user("stars")
    assert (stars.shell, stars.home) == ("/usr/sbin/nologin", "/nonexistent")
    assert stars.uid < 1000
    assert host.check_output("getent shadow stars").split(":")[1].startswith("!")
    work = host.file("/var/lib/rising-stars/work")
    assert (work.user, work.mode) == ("stars", 0o700)
    assert host.file("/var/lib/rising-stars").user == "root"


def test_no_service_listens_on_the_network(host: Host) -> None:
    assert not host.package("openssh-server").is_installed
    assert host.check_output("ss --listening --tcp --udp --no-header --numeric") == ""


def test_the_clock_follows_amazons_time_service_and_shows_utc(host: Host) -> None:
    settings = host.check_output("chronyd -p")
    assert "server 169.254.169.123 prefer iburst" in settings
    assert "pool" not in settings
    assert host.check_output("date +%Z") == "UTC"


def test_the_clock_of_a_containers_machine_is_left_alone(host: Host) -> None:
    assert not host.service("chrony").is_running


def test_the_journal_is_bounded_and_kept(host: Host) -> None:
    written = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    for line in ("Storage=persistent", "SystemMaxUse=1024M", "SystemKeepFree=1024M", "MaxRetentionSec=14day"):
        assert line in written
    assert host.file("/var/log/journal").is_directory
    assert host.service("systemd-journald").is_running


def test_only_security_updates_are_automatic_and_reboots_are_not(host: Host) -> None:
    settings = host.check_output("apt-config dump")
    assert 'Unattended-Upgrade::Automatic-Reboot "false"' in settings
    assert 'APT::Periodic::Unattended-Upgrade "1"' in settings
    dry_run = host.run("unattended-upgrade --dry-run --debug")
    assert dry_run.succeeded, dry_run.stderr
    (allowed,) = [line for line in (dry_run.stdout + dry_run.stderr).splitlines() if "Allowed origins are" in line]
    assert allowed.count("origin=") == 1
    assert "bookworm-security" in allowed


def test_updates_begin_at_a_different_time_on_each_host(host: Host) -> None:
    for timer in ("apt-daily", "apt-daily-upgrade"):
        written = host.file(f"/etc/systemd/system/{timer}.timer.d/60-rising-stars.conf").content_string
        assert "FixedRandomDelay=true" in written
        assert "RandomizedDelaySec=240min" in written
        assert host.run(f"systemd-analyze verify /lib/systemd/system/{timer}.timer").stderr == ""


def test_the_kernel_accepts_the_network_settings(host: Host) -> None:
    """The test sets only `net.ipv4` settings, because the container shares most others with its machine."""
    lines = host.file("/etc/sysctl.d/60-rising-stars.conf").content_string.splitlines()
    own = dict(line.split(" = ") for line in lines if line.startswith("net.ipv4"))
    assert len(own) > 8
    for name, value in own.items():
        assert host.check_output("sysctl --values --write %s=%s", name, value) == value


def test_a_containers_kernel_is_left_alone(host: Host) -> None:
    assert host.check_output("sysctl --values kernel.core_pattern") != "|/bin/false"


def test_nothing_leaves_a_core_dump(host: Host) -> None:
    assert host.check_output("systemctl show --property DefaultLimitCORE") == "DefaultLimitCORE=0"
    assert host.check_output("setpriv --reuid stars --clear-groups sh -c 'ulimit -c'") == "0"


def test_the_agent_that_came_with_the_release_runs(host: Host) -> None:
    agent = host.service("amazon-ssm-agent")
    assert agent.is_running
    assert agent.is_enabled


def test_no_unit_has_failed(host: Host) -> None:
    assert host.check_output("systemctl --failed --no-legend --plain") == ""
