"""Tests of the queue's Redis: access with and without the password, restarts, persistence and the sandbox."""

import shlex
import time

import pytest
from testinfra.host import Host

PYTHON = "/opt/rising-stars/current/bin/python"
WITH_SETTINGS = "set -a; . /run/rising-stars/site.env; set +a; "

RING = """
from app.config import Settings, load_settings
from tasks.doorbell import HueyDoorbell
bell = HueyDoorbell(load_settings(Settings))
assert bell.ring()
print(bell._huey.pending_count())
"""

RECEIVE = """
from app.config import Settings, load_settings
from tasks.broker import LISTEN_SECONDS, create_broker
from tasks.doorbell import install_bell
huey = create_broker(load_settings(Settings), socket_seconds=LISTEN_SECONDS)
heard = []
install_bell(huey, lambda: heard.append(True))
while (task := huey.dequeue()) is not None:
    huey.execute(task)
assert not huey.read_schedule()
print(len(heard))
"""

LIMIT = """
import time
from app.http.errors import TooManyRequests
from app.http.throttle import Throttle
from app.config import Settings, load_settings
from prometheus_client import CollectorRegistry, Counter
blind = Counter("blind", "-", registry=CollectorRegistry())
throttle = Throttle(load_settings(Settings).queue_url, blind)
refused, who = 0, str(time.time())
for _ in range(5):
    try:
        throttle.hit("3 per 1 minute", "molecule", who)
    except TooManyRequests:
        refused += 1
throttle.forgive("3 per 1 minute", "molecule", who)
throttle.hit("3 per 1 minute", "molecule", who)
print(refused, int(blind._value.get()))
"""

CALL = """
import os, sys
import redis
connection = redis.Redis.from_url(os.environ["QUEUE_URL"])
try:
    print(connection.execute_command(*sys.argv[1:]))
except redis.ResponseError as error:
    print(type(error).__name__, error)
"""

FILL = """
import os, redis
connection = redis.Redis.from_url(os.environ["QUEUE_URL"])
try:
    for number in range(20):
        connection.set(f"LIMITS:{number}", "x" * 100_000)
except redis.exceptions.OutOfMemoryError:
    print("full, and the first is", "still there" if connection.exists("LIMITS:0") else "gone")
"""


def run(host: Host, program: str, *words: str) -> str:
    """Run a Python program with the platform's packages and the site's settings, and return its output."""
    return str(host.check_output(f"{WITH_SETTINGS} {PYTHON} -c {shlex.quote(program)} {shlex.join(words)}"))


def password(host: Host) -> str:
    program = "import os, urllib.parse as u; print(u.unquote(u.urlsplit(os.environ['QUEUE_URL']).password))"
    return run(host, program)


def wait_for(command: str, host: Host, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while host.run(command).failed:
        assert time.monotonic() < deadline, f"{command}: not within {seconds} s"
        time.sleep(0.3)


def test_the_platform_sends_and_receives_its_doorbell(host: Host) -> None:
    run(host, RECEIVE)
    assert [run(host, RING) for _ in range(2)] == ["1", "2"]
    assert run(host, RECEIVE) == "2"


def test_limits_are_counted_and_forgiven_and_never_fail_open(host: Host) -> None:
    assert run(host, LIMIT) == "2 0"


def test_no_command_works_without_the_password(host: Host) -> None:
    for command in ("PING", "GET LIMITS:x", "INFO", "FLUSHALL"):
        assert host.run(f"redis-cli {command}").stdout.startswith("NOAUTH")
    assert "WRONGPASS" in host.run("redis-cli --user stars --pass wrong --no-auth-warning PING").stderr


@pytest.mark.parametrize(
    "command",
    [
        *("FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET save 1", "KEYS *", "SCAN 0", "DEBUG SLEEP 0", "SHUTDOWN"),
        *("SAVE", "BGREWRITEAOF", "REPLICAOF no one", "MONITOR", "ACL LIST", "CLIENT LIST", "MODULE LIST", "INFO"),
    ],
)
def test_the_platforms_own_user_may_not_harm_redis(host: Host, command: str) -> None:
    answer = run(host, CALL, *command.split())
    assert answer.startswith(("NoPermissionError", "ResponseError DEBUG command not allowed"))


def test_the_platforms_own_user_reaches_no_other_keys(host: Host) -> None:
    assert run(host, CALL, "SET", "something", "else").startswith("NoPermissionError")


def test_redis_listens_only_on_the_private_address_and_localhost(host: Host) -> None:
    address = host.check_output("ip -4 -brief address show eth0").split()[2].partition("/")[0]
    listening = host.check_output("ss -Hltn 'sport = :6379'").splitlines()
    assert sorted(line.split()[3] for line in listening) == sorted([f"{address}:6379", "127.0.0.1:6379"])


def test_the_password_is_on_no_command_line_and_not_in_redis_environment(host: Host) -> None:
    secret = password(host)
    redis = host.check_output("systemctl show --property MainPID --value redis-server")
    seen = host.check_output(f"cat /proc/[0-9]*/cmdline /proc/{redis}/environ 2>/dev/null | tr '\\0' '\\n'")
    assert "redis-server" in seen
    assert secret not in seen


def test_only_files_owned_by_root_contain_the_password(host: Host) -> None:
    secret = password(host)
    quoted = secret.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    url = run(host, "import os, urllib.parse as u; print(u.urlsplit(os.environ['QUEUE_URL']).password)")
    places = "/etc /home /opt/rising-stars/files /root /run /tmp /usr/local /var"
    patterns = " ".join(f"-e {shlex.quote(text)}" for text in (secret, quoted, url))
    found = host.run(f"grep --recursive --files-with-matches --fixed-strings {patterns} {places} 2>/dev/null").stdout
    assert sorted(found.split()) == ["/etc/rising-stars/molecule.env", "/run/rising-stars/site.env"]
    for path in found.split():
        assert (host.file(path).user, host.file(path).mode) == ("root", 0o600)


def test_the_acl_file_belongs_to_redis_and_is_never_on_disk(host: Host) -> None:
    file = host.file("/run/redis/users.acl")
    assert (file.user, file.mode) == ("redis", 0o600)
    assert host.check_output("stat --file-system --format %T /run") == "tmpfs"


def test_a_changed_password_takes_effect_after_a_restart(host: Host) -> None:
    before = host.check_output("cat /run/redis/users.acl")
    change = "sed -i 's/nopass/nopast/' /etc/rising-stars/molecule.env"
    back = change.replace("nopass/nopast", "nopast/nopass")
    again = "systemctl restart rising-stars-settings redis-server"
    try:
        host.check_output(f"{change} && {again}")
        assert host.check_output("cat /run/redis/users.acl") != before
        assert run(host, CALL, "PING") == "True"
    finally:
        host.check_output(f"{back} && {again}")
    assert host.check_output("cat /run/redis/users.acl") == before


def test_without_settings_redis_stays_down_logs_why_and_starts_when_they_return(host: Host) -> None:
    host.check_output("systemctl stop redis-server rising-stars-settings")
    host.check_output("mv /etc/rising-stars/molecule.env /etc/rising-stars/away && rm /run/rising-stars/site.env")
    try:
        assert host.run("systemctl start redis-server").failed
        said = host.check_output("journalctl --unit redis-server --lines 20 --no-pager --output cat")
        assert "/run/rising-stars/site.env could not be read: No such file or directory." in said
    finally:
        host.check_output("mv /etc/rising-stars/away /etc/rising-stars/molecule.env")
    wait_for("systemctl is-active redis-server", host)
    assert run(host, CALL, "PING") == "True"


def test_a_doorbell_survives_a_restart(host: Host) -> None:
    run(host, RECEIVE)
    run(host, RING)
    host.check_output("systemctl restart redis-server")
    assert run(host, RECEIVE) == "1"


def test_a_doorbell_survives_a_kill(host: Host) -> None:
    run(host, RECEIVE)
    run(host, RING)
    time.sleep(1.2)
    before = host.check_output("systemctl show --property MainPID --value redis-server")
    host.check_output("systemctl kill --signal KILL redis-server")
    wait_for(f"systemctl is-active redis-server && ! ps --pid {before}", host)
    assert run(host, RECEIVE) == "1"


def test_redis_evicts_nothing_when_its_memory_is_full(host: Host) -> None:
    small = "sed -i 's/^maxmemory .*/maxmemory 2mb/' /etc/redis/machine.conf"
    host.check_output(f"cp /etc/redis/machine.conf /root/ && {small} && systemctl restart redis-server")
    try:
        assert run(host, FILL) == "full, and the first is still there"
    finally:
        host.check_output("cp /root/machine.conf /etc/redis/ && systemctl restart redis-server")
        run(host, CALL, "DEL", *(f"LIMITS:{number}" for number in range(20)))


def test_redis_keeps_an_append_only_file_and_takes_no_snapshots(host: Host) -> None:
    assert host.check_output("ls /var/lib/redis") == "appendonlydir"
    assert (host.file("/var/lib/redis/appendonlydir").user, host.file("/var/lib/redis/appendonlydir").mode) == (
        "redis",
        0o700,
    )


def test_redis_runs_in_a_sandbox(host: Host) -> None:
    overall = host.check_output("systemd-analyze security redis-server.service --no-pager | tail --lines 1")
    assert float(overall.split("redis-server.service: ")[1].split()[0]) <= 2.0


def test_redis_has_a_valid_unit_and_starts_at_boot(host: Host) -> None:
    assert host.check_output("systemd-analyze verify redis-server.service 2>&1 | grep -i rising-stars || true") == ""
    assert host.check_output("systemctl is-enabled redis-server") == "enabled"
