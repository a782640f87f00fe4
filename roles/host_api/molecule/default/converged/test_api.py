"""Tests of the API under systemd, with SQLite and a fake S3."""

import json
import re
import time
from typing import Any

import pytest
from testinfra.host import Host

CORES = "getconf _NPROCESSORS_ONLN"
AWAIT = "/usr/local/lib/rising-stars/await-api"
CLIENT = """
import http.client, socket, sys
class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"/run/rising-stars-api/{sys.argv[1]}.sock")
asked = Local("localhost")
asked.request("GET", sys.argv[2], headers=dict(zip(sys.argv[3::2], sys.argv[4::2])))
answer = asked.getresponse()
print(answer.status, answer.read().decode())
"""


@pytest.fixture(scope="module")
def numbers(host: Host) -> list[int]:
    """Return the instance numbers of `rising-stars-api@`; the host runs one process per CPU core."""
    return list(range(1, int(host.check_output(CORES)) + 1))


def ask(host: Host, number: int, path: str, *headers: str) -> tuple[int, Any]:
    """Send a GET request to a process's socket, and return the status and the JSON of the response."""
    words = " ".join(f"'{word}'" for word in headers)
    status, _, body = host.check_output(f"python3 -c '{CLIENT}' {number} {path} {words}").partition(" ")
    return int(status), json.loads(body)


def properties(host: Host, unit: str, *names: str) -> dict[str, str]:
    """Return a unit's properties as systemd shows them."""
    shown = host.check_output(f"systemctl show {unit} --property {','.join(names)}")
    return dict(line.split("=", 1) for line in shown.splitlines())


def test_one_process_answers_for_each_core(host: Host, numbers: list[int]) -> None:
    for number in numbers:
        assert ask(host, number, "/health") == (200, {"status": "healthy"})
        assert ask(host, number, "/ready")[0] == 200
    assert len(host.process.filter(comm="rising-stars-ap")) == len(numbers)


def test_only_the_proxy_may_use_the_sockets(host: Host, numbers: list[int]) -> None:
    folder = host.file("/run/rising-stars-api")
    assert (folder.user, folder.group, folder.mode) == ("stars", "www-data", 0o2750)
    for number in numbers:
        socket = host.file(f"/run/rising-stars-api/{number}.sock")
        assert (socket.user, socket.group, socket.mode) == ("stars", "www-data", 0o660)
    through = "import socket; socket.socket(socket.AF_UNIX).connect('/run/rising-stars-api/1.sock')"
    as_user = 'setpriv --reuid {0} --regid {0} --clear-groups python3 -c "{1}"'
    assert host.run(as_user.format("www-data", through)).succeeded
    assert "PermissionError" in host.run(as_user.format("games", through)).stderr


@pytest.mark.parametrize("unit", ["rising-stars-api@1.service", "rising-stars-migrate.service"])
def test_units_are_sandboxed(host: Host, unit: str) -> None:
    printed = host.check_output(f"systemd-analyze security --no-pager {unit} | tail -1")
    found = re.search(r"level for \S+: ([\d.]+)", printed)
    assert found, printed
    assert float(found.group(1)) <= 2.0


def test_the_units_permit_mediainfos_own_sandbox(host: Host) -> None:
    """At its start, the API logs `sandbox_incomplete` for each part of MediaInfo's sandbox that does not work."""
    log = host.check_output("journalctl --no-pager --unit rising-stars-api@1 --output cat")
    assert "api_listening" in log
    assert "sandbox_incomplete" not in log


def test_units_are_valid(host: Host) -> None:
    units = "rising-stars-api.target rising-stars-api@1.service rising-stars-migrate.service"
    assert host.run(f"systemd-analyze verify {units}").stderr == ""


def test_processes_have_limits(host: Host) -> None:
    shown = properties(host, "rising-stars-api@1", "MemoryMax", "LimitNOFILE", "LimitCORE", "User")
    assert shown == {"MemoryMax": str(640 << 20), "LimitNOFILE": "4096", "LimitCORE": "0", "User": "stars"}


def test_the_user_owns_nothing_that_it_runs(host: Host) -> None:
    assert host.check_output("find /opt /etc /usr /var/lib/dpkg -user stars -o -group stars") == ""


def test_no_secret_is_in_the_process_list_or_readable_by_other_users(host: Host) -> None:
    assert host.file("/run/rising-stars/site.env").mode == 0o600
    secret = "j" * 40
    assert secret not in host.check_output("ps -eo args")
    assert secret not in host.check_output("journalctl --no-pager")
    as_another = "setpriv --reuid games --clear-groups cat /proc/%s/environ"
    main = properties(host, "rising-stars-api@1", "MainPID")["MainPID"]
    assert not host.run(as_another % main).succeeded


def test_the_api_takes_the_clients_address_from_the_proxy(host: Host) -> None:
    ask(host, 1, "/api/public/rankings?city=forwarded", "X-Forwarded-For", "203.0.113.9")
    assert '"address": "203.0.113.9"' in host.check_output(
        "journalctl --no-pager -u rising-stars-api@1 -o cat | tail -3"
    )


def test_a_killed_process_is_restarted(host: Host, numbers: list[int]) -> None:
    before = properties(host, "rising-stars-api@1", "MainPID")["MainPID"]
    host.check_output(f"kill -KILL {before}")
    assert host.run(f"sleep 2.5; {AWAIT} /ready 30 1").succeeded
    after = properties(host, "rising-stars-api@1", "MainPID", "NRestarts")
    assert after["MainPID"] != before
    assert after["NRestarts"] == "1"
    assert host.service(f"rising-stars-api@{numbers[-1]}").is_running


def test_old_uploads_of_a_killed_process_are_deleted(host: Host) -> None:
    work = "/var/lib/rising-stars/work"
    host.check_output(f"touch -d '3 hours ago' {work}/upload-old.mp4 {work}/other; touch {work}/upload-new.mp4")
    host.check_output("systemctl restart rising-stars-api@1")
    left = set(host.file(work).listdir())
    assert {"other", "upload-new.mp4"} <= left
    assert "upload-old.mp4" not in left
    host.check_output(f"rm {work}/other {work}/upload-new.mp4")


SLOW = """
import json, socket, sys, time
peer = socket.socket(socket.AF_UNIX)
peer.connect("/run/rising-stars-api/1.sock")
body = json.dumps(dict(email="a@example.org", password="x")).encode()
head = f"POST /api/auth/login HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n".encode()
peer.sendall(head + body[:-1])
time.sleep(float(sys.argv[1]))
peer.sendall(body[-1:])
print(peer.recv(65536).decode())
"""


def test_a_request_in_progress_is_finished_before_the_process_stops(host: Host) -> None:
    # The request takes longer than `host_api_leave_seconds` (6), so SIGTERM arrives before the request ends.
    host.check_output(f"nohup python3 -c '{SLOW}' 9 > /tmp/slow 2>&1 &")
    host.check_output("sleep 0.5; systemctl stop rising-stars-api@1")
    answer = host.check_output("sleep 0.5; cat /tmp/slow")
    assert answer.startswith("HTTP/1.1 401"), answer
    assert properties(host, "rising-stars-api@1", "Result")["Result"] == "success"
    host.check_output("systemctl start rising-stars-api@1")


def test_a_stopping_process_has_no_socket_while_the_others_answer(host: Host) -> None:
    host.check_output("systemctl stop --no-block rising-stars-api@1; sleep 1")
    try:
        assert not host.file("/run/rising-stars-api/1.sock").exists
        assert properties(host, "rising-stars-api@1", "ActiveState", "SubState")["SubState"] == "stop"
        assert ask(host, 2, "/ready")[0] == 200
    finally:
        host.check_output("systemctl start rising-stars-api@1")
    assert host.run(f"{AWAIT} /ready 30 1").succeeded


def test_a_draining_machine_is_not_ready_but_still_answers(host: Host, numbers: list[int]) -> None:
    host.check_output("touch /run/rising-stars/drain")
    try:
        for number in numbers:
            status, printed = ask(host, number, "/ready")
            assert (status, printed["status"]) == (503, "draining")
            assert ask(host, number, "/api/public/videos") == (200, [])
    finally:
        host.check_output("rm /run/rising-stars/drain")
    assert ask(host, 1, "/ready")[0] == 200


def test_all_processes_are_ready_after_a_restart_of_the_target(host: Host, numbers: list[int]) -> None:
    host.check_output("systemctl restart rising-stars-api.target")
    assert host.run(f"{AWAIT} /ready 30 '{' '.join(map(str, numbers))}'").succeeded


def test_a_failing_migration_keeps_the_api_down_until_it_succeeds(host: Host, numbers: list[int]) -> None:
    host.check_output("cp /etc/rising-stars/test.env /etc/rising-stars/good.env")
    host.check_output("sed -i 's,/work/site.db,/work/no/such/folder/site.db,' /etc/rising-stars/test.env")
    host.check_output("systemctl stop rising-stars-settings rising-stars-migrate rising-stars-api.target")
    try:
        assert host.run("timeout 60 systemctl start rising-stars-api.target rising-stars-api@1").failed
        assert not host.service("rising-stars-api@1").is_running
        printed = host.check_output("journalctl -u rising-stars-migrate -o cat | tail -30")
        assert "unable to open database file" in printed
    finally:
        host.check_output("mv /etc/rising-stars/good.env /etc/rising-stars/test.env")
        host.check_output("systemctl restart rising-stars-settings")
    # The test starts nothing: the migration's next retry starts the API.
    assert host.run(f"{AWAIT} /ready 40 '{' '.join(map(str, numbers))}'").succeeded


def test_no_unit_has_failed(host: Host) -> None:
    time.sleep(0.5)
    assert host.check_output("systemctl --failed --no-legend --plain") == ""
