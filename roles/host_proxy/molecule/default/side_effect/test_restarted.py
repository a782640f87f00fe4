"""Tests of Nginx' restart after a change of its sandbox. A client polls /ready before, during and after the restart."""

from itertools import groupby

from testinfra.host import Host


def test_ready_fails_before_nginx_is_restarted_and_answers_again_afterwards(host: Host) -> None:
    host.check_output("sleep 2; systemctl stop asking")
    answers = host.check_output("cat /var/tmp/codes").split()
    # curl writes 000 if Nginx refuses the connection. Before any 000, /ready must have returned 503.
    assert [status for status, _ in groupby(answers)][:2] == ["200", "503"]
    assert [status for status, _ in groupby(status for status in answers if status != "000")] == ["200", "503", "200"]
    assert host.run("test -e /run/rising-stars/drain").failed
