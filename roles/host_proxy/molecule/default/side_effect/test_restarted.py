"""Tests of the restart of Nginx after a change of its sandbox, during which a client polled /ready."""

from itertools import groupby

from testinfra.host import Host


def test_ready_fails_before_nginx_is_restarted_and_answers_again_afterwards(host: Host) -> None:
    host.check_output("sleep 2; systemctl stop asking")
    answers = host.check_output("cat /var/tmp/codes").split()
    # 000 means that the connection was refused. Before that happens, the client must have received 503 from /ready.
    assert [status for status, _ in groupby(answers)][:2] == ["200", "503"]
    assert [status for status, _ in groupby(status for status in answers if status != "000")] == ["200", "503", "200"]
    assert host.run("test -e /run/rising-stars/drain").failed
