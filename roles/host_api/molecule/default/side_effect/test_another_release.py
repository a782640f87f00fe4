"""After another release was put to use under the API."""

import datetime as dt

from testinfra.host import Host

AWAIT = "/usr/local/lib/rising-stars/await-api"


def started(host: Host, number: int) -> dt.datetime:
    """When the process did."""
    moment = host.check_output(f"systemctl show rising-stars-api@{number} --property ExecMainStartTimestamp --value")
    return dt.datetime.strptime(moment, "%a %Y-%m-%d %H:%M:%S %Z").replace(tzinfo=dt.UTC)


def test_processes_were_restarted_one_after_the_other(host: Host) -> None:
    apart = started(host, 2) - started(host, 1)
    # The second one went when the first one had come; that took as long as the second's goodbye.
    assert dt.timedelta(seconds=6) <= apart < dt.timedelta(seconds=60)
    assert host.run(f"{AWAIT} /ready 10 '1 2'").succeeded


def test_the_schema_went_first(host: Host) -> None:
    said = host.check_output("journalctl --no-pager --output cat --unit 'rising-stars-*' | grep -vE '^\\{' | tail -40")
    assert said.rindex("Reloaded rising-stars-migrate") < said.rindex("Stopping rising-stars-api@1")
    assert said.rindex("Started rising-stars-api@1") < said.rindex("Stopping rising-stars-api@2")
