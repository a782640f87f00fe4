"""The demo's object store, process supervisor and watchdog (demo/leash.py) work and leave no process behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest
from botocore.exceptions import ClientError

from demo.errors import DemoError
from demo.seaweedfs import SOCKETS, SeaweedFS
from demo.supervisor import Leashed, Supervisor
from testing.processes import wait_until

KEY = "unprocessed-videos/clip.mp4"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
)
DAEMON_OF_A_DAEMON = "(setsid sleep 98765 & setsid sleep 98765 &) ; exec sleep 98765"
STARTS_ONE_ON_A_LEASH = """\
import sys, time
from pathlib import Path
from demo.supervisor import Leashed
Leashed.start("tree", ["sh", "-c", sys.argv[1]], log=Path(sys.argv[2]))
time.sleep(99)
"""


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    with SeaweedFS(tmp_path_factory.mktemp("store")) as running:
        yield running


def tree_of(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_the_store_accepts_and_returns_an_object_with_its_own_credentials(seaweedfs: SeaweedFS) -> None:
    with closing(seaweedfs.client()) as client:
        client.put_object(Bucket=seaweedfs.bucket, Key=KEY, Body=b"clip")
        assert client.get_object(Bucket=seaweedfs.bucket, Key=KEY)["Body"].read() == b"clip"


def test_the_store_refuses_unsigned_requests(seaweedfs: SeaweedFS) -> None:
    url = f"{seaweedfs.endpoint}/{seaweedfs.bucket}/{KEY}"
    assert httpx.put(url, content=b"x", trust_env=False).status_code == 403
    assert httpx.get(url, trust_env=False).status_code == 403


def test_the_store_refuses_a_wrong_signature(seaweedfs: SeaweedFS, tmp_path: Path) -> None:
    intruder = SeaweedFS(tmp_path, access_key=seaweedfs.access_key)
    intruder.ports = seaweedfs.ports  # the same server and access key, but another secret key
    with closing(intruder.client()) as client, pytest.raises(ClientError) as refused:
        client.list_objects_v2(Bucket=seaweedfs.bucket)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_store_listens_on_the_loopback_address_only(seaweedfs: SeaweedFS) -> None:
    sockets = [
        connection
        for process in tree_of(seaweedfs.pid)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {connection.laddr.ip for connection in sockets} == {"127.0.0.1"}


def test_objects_survive_a_restart_and_a_kill_of_the_store(tmp_path: Path) -> None:
    with SeaweedFS(tmp_path, access_key="a" * 16, secret_key="s" * 32) as first:
        with closing(first.client()) as client:
            client.put_object(Bucket=first.bucket, Key=KEY, Body=b"clip")
        for process in tree_of(first.pid):
            process.kill()
    again = SeaweedFS(tmp_path, access_key="a" * 16, secret_key="s" * 32)
    with again as second, closing(second.client()) as client:
        assert client.get_object(Bucket=second.bucket, Key=KEY)["Body"].read() == b"clip"


def test_a_stopped_store_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    sockets_before = set(SOCKETS.glob("seaweedfs-*"))
    with SeaweedFS(tmp_path) as running:
        tree = tree_of(running.pid)
        ports = running.ports.values()
    assert not alive(tree)
    left = set(SOCKETS.glob("seaweedfs-*")) - sockets_before
    assert not [path for path in left if any(str(port + 10_000) in path.name for port in ports)]


def test_the_error_of_a_store_that_cannot_start_contains_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SeaweedFS(tmp_path)
    monkeypatch.setattr(store, "_command", lambda: ["sh", "-c", "echo no room on the disk; exit 3"])
    with pytest.raises(DemoError, match=r"(?s)seaweedfs ended unexpectedly \(exit code 3\).*no room on the disk"):
        store.start()


def test_a_leash_returns_the_exit_code_of_its_command(tmp_path: Path) -> None:
    assert leashed("exit 7", tmp_path).wait(10) == 7


def test_a_leash_ends_processes_that_its_command_left_behind(tmp_path: Path) -> None:
    started = leashed("(setsid sleep 98765 &) ; sleep 1", tmp_path)
    wait_until(lambda: len(tree_of(started.process.pid)) >= 3, what="the start of the orphan")
    tree = tree_of(started.process.pid)
    assert started.wait(10) == 0
    assert not alive(tree)


def test_a_leash_that_is_asked_to_stop_ends_the_whole_tree(tmp_path: Path) -> None:
    started = leashed(DAEMON_OF_A_DAEMON, tmp_path)
    wait_until(lambda: len(tree_of(started.process.pid)) >= 4, what="the start of the tree")
    tree = tree_of(started.process.pid)
    started.ask_to_stop()
    assert started.wait(10) == 128 + signal.SIGTERM
    assert not alive(tree)


def test_a_leash_kills_a_command_that_ignores_sigterm_after_the_grace_period(tmp_path: Path) -> None:
    log = tmp_path / "log"
    started = Leashed.start("deaf", [sys.executable, "-c", IGNORES_SIGTERM], log=log, grace_seconds=0.5)
    wait_until(lambda: "up" in log.read_text(), what="the start of the command")
    asked_at = time.monotonic()
    started.ask_to_stop()
    assert started.wait(10) == 128 + signal.SIGKILL
    assert time.monotonic() - asked_at < 3


def test_a_tree_dies_with_the_process_that_started_it_even_by_sigkill(tmp_path: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTS_ONE_ON_A_LEASH, DAEMON_OF_A_DAEMON, tmp_path / "log"])
    wait_until(lambda: len(tree_of(starter.pid)) >= 5, what="the start of the tree")
    tree = tree_of(starter.pid)
    starter.kill()
    starter.wait()
    wait_until(lambda: not alive(tree), what="the end of the tree", seconds=10)


def test_a_command_that_does_not_exist_is_named_in_the_log(tmp_path: Path) -> None:
    started = Leashed.start("nothing", ["/nonexistent/weed"], log=tmp_path / "log")
    assert started.wait(10) == 127
    assert "cannot start /nonexistent/weed: No such file or directory" in started.tail()


def test_a_supervisor_names_the_process_that_ended_and_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start("steady", ["sleep", "99"], environment=os.environ)
    supervisor.start("brittle", ["sh", "-c", "echo out of luck; exit 4"], environment=os.environ)
    with pytest.raises(DemoError, match=r"(?s)brittle ended unexpectedly \(exit code 4\).*brittle\.log.*out of luck"):
        check_for_ever(supervisor)
    supervisor.stop()


def check_for_ever(supervisor: Supervisor) -> None:
    while True:
        supervisor.check()
        time.sleep(0.05)


def leashed(script: str, folder: Path) -> Leashed:
    return Leashed.start("script", ["sh", "-c", script], log=folder / "log")
