"""Tests of the API's processes after a change of `host_api_release`."""

import datetime as dt

from testinfra.host import Host

AWAIT = "/usr/local/lib/rising-stars/await-api"


def started(host: Host, number: int) -> dt.datetime:
    """Return the time at which a process started."""
    moment = host.check_output(f"systemctl show rising-stars-api@{number} --property ExecMainStartTimestamp --value")
    return dt.datetime.strptime(moment, "%a %Y-%m-%d %H:%M:%S %Z").replace(tzinfo=dt.UTC)


def test_processes_were_restarted_one_after_the_other(host: Host) -> None:
    apart = started(host, 2) - started(host, 1)
    # The role stopped the second process only after the first one had started again, and a stop takes at least
    # `host_api_leave_seconds` (6).
    assert dt.timedelta(seconds=6) <= apart < dt.timedelta(seconds=60)
    assert host.run(f"{AWAIT} /ready 10 '1 2'").succeeded


def test_the_schema_is_migrated_before_any_process_stops(host: Host) -> None:
    said = host.check_output("journalctl --no-pager --output cat --unit 'rising-stars-*' | grep -vE '^\\{' | tail -40")
    assert said.rindex("Reloaded rising-stars-migrate") < said.rindex("Stopping rising-stars-api@1")
    assert said.rindex("Started rising-stars-api@1") < said.rindex("Stopping rising-stars-api@2")
