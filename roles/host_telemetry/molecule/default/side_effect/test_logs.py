"""Tests of a web machine with the CloudWatch agent: the agent's configuration and the log that it reads."""

import json
import secrets
import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

COPY = "/var/log/rising-stars/journal.log"
CONFIGURATION = "/etc/rising-stars/cloudwatch-agent.json"
AGENTS_OWN = "/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json"
READ = "/run/agent-read"

DOCUMENTED = {
    "": {"agent", "logs", "metrics"},
    "agent": {"debug", "logfile", "metrics_collection_interval", "omit_hostname", "region", "run_as_user"},
    "logs": {"endpoint_override", "force_flush_interval", "log_stream_name", "logs_collected"},
    "logs.logs_collected": {"files"},
    "logs.logs_collected.files": {"collect_list"},
    "metrics": {
        "aggregation_dimensions",
        "append_dimensions",
        "force_flush_interval",
        "metrics_collected",
        "namespace",
    },
    "metrics.append_dimensions": {"AutoScalingGroupName", "ImageId", "InstanceId", "InstanceType"},
    "metrics.metrics_collected": {"cpu", "disk", "mem", "net", "swap"},
}
"""Documented keys of the agent's configuration that this platform may use, by section.
Source: docs.aws.amazon.com, CloudWatch-Agent-Configuration-File-Details, November 2026."""

OF_A_FILE = {
    *("encoding", "file_path", "filters", "log_group_class", "log_group_name", "log_stream_name"),
    *("multi_line_start_pattern", "timestamp_format", "timezone"),
}
"""Documented keys of an entry in `collect_list`, except retention_in_days: aws_monitoring sets the retention."""


def wait_for(done: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def say(host: Host, text: str) -> None:
    host.check_output("echo %s | systemd-cat --identifier molecule", text)


def was_read(host: Host, text: str) -> int:
    """Return how many of the lines that the agent has read contain `text`."""
    return int(host.run("grep --count --fixed-strings -e %s " + READ, text).stdout)


def test_the_agents_configuration_has_only_documented_keys(host: Host) -> None:
    configuration = json.loads(host.file(CONFIGURATION).content_string)
    for section, known in DOCUMENTED.items():
        part = configuration
        for name in filter(None, section.split(".")):
            part = part[name]
        assert set(part) <= known, section
    for measured in configuration["metrics"]["metrics_collected"].values():
        assert set(measured) <= {"drop_device", "measurement", "resources", "totalcpu"}


def test_log_lines_are_sent_to_the_kinds_log_group_with_their_own_timestamps(host: Host) -> None:
    configuration = json.loads(host.file(CONFIGURATION).content_string)
    (file,) = configuration["logs"]["logs_collected"]["files"]["collect_list"]
    assert set(file) <= OF_A_FILE
    assert (file["file_path"], file["log_group_name"]) == (COPY, "/rising-stars/molecule/web")
    assert file["log_stream_name"] == "{instance_id}"
    assert configuration["metrics"]["namespace"] == "RisingStars/molecule"
    line = host.check_output(f"tail --lines 1 {COPY}")
    assert time.strptime(line.split()[0], file["timestamp_format"])


def test_the_agent_runs_with_this_configuration(host: Host) -> None:
    assert host.file(AGENTS_OWN).content_string == host.file(CONFIGURATION).content_string
    for unit in ("amazon-cloudwatch-agent", "rising-stars-journal"):
        assert host.check_output(f"systemctl is-enabled {unit}") == "enabled"
        assert host.check_output(f"systemctl is-active {unit}") == "active"


def test_the_watch_stops_what_a_web_machine_runs(host: Host) -> None:
    arguments = host.check_output("sed --quiet 's/^WATCH_ARGUMENTS=//p' /etc/rising-stars/watch.env").strip('"').split()
    assert arguments == [
        *("--group-prefix", "rising-stars-molecule", "--drain-seconds", "1020"),
        *("--hook", "rising-stars-molecule-web-drain"),
        *("--unit=nginx.service", "--unit=rising-stars-api.target", "--unit=rising-stars-api@*.service"),
    ]


def test_the_agent_reads_a_new_log_line_within_seconds(host: Host) -> None:
    say(host, "a line of molecule's")
    wait_for(lambda: was_read(host, "]: a line of molecule's") == 1)


def test_the_copy_includes_earlier_lines_of_this_boot(host: Host) -> None:
    assert was_read(host, "systemd[1]: Reached target") > 0


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("connecting to redis://stars:geheim-1@10.0.0.1:6379/0", "geheim-1"),
        ("Authorization: Bearer geheim-2.x.y", "geheim-2"),
        ("GET /clip?X-Amz-Credential=geheim-3%2F20261124&X-Amz-Signature=geheim-4&x=1", "geheim-3"),
        ("GET /clip?x-amz-signature=geheim-5 200", "geheim-5"),
        ("PUT /?X-Amz-Security-Token=geheim-6&y=2", "geheim-6"),
    ],
)
def test_secrets_are_redacted_whichever_program_logged_them(host: Host, text: str, secret: str) -> None:
    say(host, text)
    say(host, f"after {len(secret)} {text[:12]}")
    wait_for(lambda: was_read(host, f"after {len(secret)} {text[:12]}") > 0)
    assert was_read(host, secret) == 0
    assert was_read(host, "geheim") == 0
    assert was_read(host, "[redacted]") > 0


def test_a_restart_neither_drops_nor_repeats_a_line(host: Host) -> None:
    lines = [f"restarted {number} {secrets.token_hex(4)}" for number in range(5)]
    for line in lines:
        say(host, line)
        host.check_output("systemctl restart rising-stars-journal")
    wait_for(lambda: was_read(host, lines[-1]) > 0)
    assert [was_read(host, line) for line in lines] == [1] * 5


def test_the_copy_continues_after_a_kill(host: Host) -> None:
    host.check_output("systemctl kill --signal KILL rising-stars-journal")
    say(host, "after the kill")
    wait_for(lambda: was_read(host, "after the kill") > 0, seconds=30)


def flood(host: Host, name: str, lines: int) -> None:
    """Log `lines` lines of 1,000 characters, and wait until the journal has them all.

    Without the wait, a line that another program logs later could reach the journal first.
    """
    bytes_ = f"head --bytes {lines * 1000} /dev/zero | tr '\\0' x | fold --width 1000"
    host.check_output(f"{bytes_} | systemd-cat --identifier {name}")
    noted = f"journalctl --quiet --identifier {name} --output cat | wc --lines"
    wait_for(lambda: int(host.check_output(noted)) == lines)


def test_a_file_that_grows_too_large_is_rotated_after_it_was_read(host: Host) -> None:
    flood(host, "wave", 1500)
    wait_for(lambda: was_read(host, "wave[") == 1500)
    wait_for(lambda: host.file(f"{COPY}.1").exists)
    say(host, "after the wave")
    wait_for(lambda: was_read(host, "after the wave") == 1)


def test_the_copys_disk_space_is_limited(host: Host) -> None:
    flood(host, "flood", 6000)
    say(host, "after the flood")
    wait_for(lambda: was_read(host, "after the flood") == 1, seconds=60)
    assert host.check_output("ls /var/log/rising-stars").split() == ["journal.log", "journal.log.1"]
    assert max(host.file(path).size for path in (COPY, f"{COPY}.1")) <= 2 * 1024 * 1024


def test_only_the_agent_may_read_the_copy(host: Host) -> None:
    assert host.check_output(f"stat --format '%U %a' /var/log/rising-stars {COPY}").split() == [
        *("cwagent", "750"),
        *("cwagent", "640"),
    ]


def test_the_copy_of_the_journal_runs_in_a_sandbox(host: Host) -> None:
    overall = host.check_output("systemd-analyze security rising-stars-journal.service --no-pager | tail --lines 1")
    assert float(overall.split("rising-stars-journal.service: ")[1].split()[0]) <= 2.0


def test_the_units_are_valid(host: Host) -> None:
    units = "rising-stars-journal.service rising-stars-watch.service"
    assert host.check_output(f"systemd-analyze verify {units} 2>&1 | grep -v rising-stars-settings || true") == ""
