"""Tests of renders on a host with PostgreSQL, Redis and S3, including restarts and kills."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from testinfra.host import Host

from rehearsal.hosts.podman import podman
from rehearsal.hosts.services import Database, Store
from testing.clips import make_clip
from tests.hosts.real_parts import settings_of_real_parts
from tests.intrusions import DENIED, Targets, check_denied, endings, write_intruder

PARENT = ("parent_environ", "parent_mem", "parent_fds")
"""The names of the attempts by tests/intruder.py to read data of its parent process, the worker."""

DROP_IN = "/etc/systemd/system/rising-stars-worker.service.d"
PROGRAM = "/opt/rising-stars/current/bin/rising-stars"
SETTINGS = "/etc/rising-stars/molecule.env"
UNITS = "rising-stars-worker rising-stars-upkeep"
WORK = "/var/lib/rising-stars/work"

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Ledger:
    """The job ledger in the host's database, and a folder for the clips that a test adds."""

    host: Host
    database: Database
    name: str
    folder: Path

    def add_clip(self, number: int) -> None:
        """Import a clip of 20 s as an operator does; upkeep then rings the doorbell for it."""
        # Each clip has a different height, because the import skips a clip that it has already imported.
        clip = make_clip(self.folder / f"{number}.mp4", fps=30, height=1080 + 2 * number)
        self.host.check_output("rm -rf /tmp/clips && mkdir -p /tmp/clips/unprocessed-videos")
        podman("cp", str(clip), f"{name_of(self.host)}:/tmp/clips/unprocessed-videos/")
        self.host.check_output(f"set -a; . /run/rising-stars/site.env; {PROGRAM} media import /tmp/clips")

    def newest(self) -> dict[str, object]:
        """Return the job that was enqueued last."""
        with self.database.server.connected(self.name) as database:
            found = database.execute_sql("SELECT * FROM jobs ORDER BY created_at DESC LIMIT 1")
            return dict(zip([column.name for column in found.description], found.fetchone(), strict=True))

    def wait_for(self, done: Callable[[dict[str, object]], bool], *, seconds: float = 180) -> dict[str, object]:
        """Wait until `done` is true of the newest job, and return the job."""
        deadline = time.monotonic() + seconds
        while not done(job := self.newest()):
            assert time.monotonic() < deadline, f"{job}\n{journal(self.host)}"
            time.sleep(0.2)
        return job

    def wait_until_rendering(self) -> None:
        self.wait_for(lambda job: job["state"] == "running" and float(str(job["progress"])) > 0)


@pytest.fixture(scope="module")
def ledger(host: Host, database: Database, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Run the host's units with PostgreSQL and S3; afterwards, restore the host's settings."""
    with settings_of_real_parts(host, SETTINGS, database, store) as name:
        host.check_output(f"systemctl stop {UNITS}; systemctl restart rising-stars-settings")
        host.check_output(f"set -a; . /run/rising-stars/site.env; {PROGRAM} migrate")
        host.check_output(f"systemctl start {UNITS}")
        yield Ledger(host, database, name, tmp_path_factory.mktemp("clips"))
        host.check_output(f"systemctl stop {UNITS}")
    host.check_output(f"systemctl restart rising-stars-settings; systemctl start {UNITS}")


def name_of(host: Host) -> str:
    return str(host.backend.name)


def journal(host: Host) -> str:
    return str(host.check_output("journalctl --unit 'rising-stars-*' --lines 40 --no-pager --output cat | cut -c -300"))


def main_pid(host: Host, unit: str = "rising-stars-worker") -> int:
    return int(host.check_output(f"systemctl show --property MainPID --value {unit}"))


def renders(host: Host) -> str:
    """Return the list of running FFmpeg processes; empty if there are none."""
    return str(host.run("pgrep --list-full '^ffmpeg$'").stdout)


def test_a_clip_is_rendered_with_the_installed_programs_and_no_file_remains(
    host: Host, ledger: Ledger, store: Store
) -> None:
    ledger.add_clip(1)
    ledger.wait_until_rendering()
    ran = host.check_output("ps -o user:16=,nice=,args= -C ffmpeg")
    assert ran.split()[:2] == ["stars", "10"]
    assert "/usr/bin/ffmpeg" in ran
    job = ledger.wait_for(lambda job: job["state"] not in {"queued", "running"})
    assert (job["state"], job["attempt"], job["rescues"]) == ("succeeded", 1, 0), journal(host)
    session = boto3.Session(store.server.access_key, store.server.secret_key, region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=store.endpoint, config=Config(proxies={}))
    assert s3.head_object(Bucket=store.server.bucket, Key=str(job["output_key"]))["ContentLength"] > 100_000
    assert host.check_output(f"find {WORK} -mindepth 1 -not -name 'site.db*'") == ""


def test_a_restart_lets_a_render_in_progress_finish(host: Host, ledger: Ledger) -> None:
    ledger.add_clip(2)
    ledger.wait_until_rendering()
    before = main_pid(host)
    host.check_output("systemctl restart rising-stars-worker")
    job = ledger.newest()
    assert (job["state"], job["attempt"], job["rescues"]) == ("succeeded", 1, 0), journal(host)
    assert main_pid(host) not in {0, before}


@pytest.fixture
def short_drain(host: Host) -> Iterator[None]:
    """Give the worker only two seconds to drain."""
    command = host.check_output("sed --quiet 's/^ExecStart=//p' /etc/systemd/system/rising-stars-worker.service")
    text = f"[Service]\\nExecStart=\\nExecStart={command.replace('DRAIN_SECONDS=90', 'DRAIN_SECONDS=2')}\\n"
    host.check_output(f"mkdir -p {DROP_IN} && printf '{text}' > {DROP_IN}/short.conf && systemctl daemon-reload")
    host.check_output("systemctl restart rising-stars-worker")
    yield
    host.check_output(f"rm -r {DROP_IN} && systemctl daemon-reload && systemctl restart rising-stars-worker")


@pytest.mark.usefixtures("short_drain")
def test_a_render_that_takes_longer_than_the_drain_is_returned_and_rendered_again(host: Host, ledger: Ledger) -> None:
    ledger.add_clip(3)
    ledger.wait_until_rendering()
    began = time.monotonic()
    host.check_output("systemctl stop rising-stars-worker")
    assert time.monotonic() - began < 20
    job = ledger.newest()
    assert (job["state"], job["attempt"], job["rescues"]) == ("queued", 0, 0), journal(host)
    assert renders(host) == ""
    host.check_output("systemctl start rising-stars-worker")
    job = ledger.wait_for(lambda job: job["state"] == "succeeded")
    assert (job["attempt"], job["rescues"]) == (1, 0)


def test_a_killed_consumer_is_restarted_and_leaves_no_render_or_job_behind(host: Host, ledger: Ledger) -> None:
    ledger.add_clip(4)
    ledger.wait_until_rendering()
    before = main_pid(host)
    assert renders(host)
    host.check_output(f"kill -KILL {before}")
    deadline = time.monotonic() + 5
    while renders(host):
        assert time.monotonic() < deadline, "FFmpeg outlived its consumer"
        time.sleep(0.1)
    job = ledger.wait_for(lambda job: job["state"] == "succeeded")
    assert (job["attempt"], job["rescues"]) == (2, 1)
    assert main_pid(host) not in {0, before}


def test_upkeep_is_restarted_after_a_kill(host: Host, ledger: Ledger) -> None:
    assert ledger.host is host
    before = main_pid(host, "rising-stars-upkeep")
    host.check_output(f"kill -KILL {before}")
    deadline = time.monotonic() + 20
    while main_pid(host, "rising-stars-upkeep") in {0, before}:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_killed_ffmpeg_costs_an_attempt_but_not_the_worker(host: Host, ledger: Ledger) -> None:
    host.check_output(f"echo 'BACKOFF_BASE_SECONDS=\"1\"' >> {SETTINGS}")
    host.check_output(f"systemctl stop {UNITS}; systemctl restart rising-stars-settings; systemctl start {UNITS}")
    ledger.add_clip(5)
    ledger.wait_until_rendering()
    before = main_pid(host)
    host.check_output("pkill -KILL --exact ffmpeg")
    job = ledger.wait_for(lambda job: job["state"] == "succeeded")
    assert (job["attempt"], job["rescues"]) == (2, 0)
    assert main_pid(host) == before


def test_an_exploited_ffmpeg_is_denied_everything(host: Host, ledger: Ledger, tmp_path: Path) -> None:
    """The launcher's sandbox works inside the unit's sandbox, and neither weakens the other."""
    other, program = f"{WORK}/job-other", "/usr/local/bin/intruder"
    host.check_output(f"install -d -o stars -g stars -m 0700 {other}")
    host.check_output(f"install -o stars -g stars -m 0600 /dev/null {other}/original.mp4")
    targets = Targets(f"{other}/original.mp4", f"{other}/original.mp4", "/run/rising-stars/site.env", WORK)
    podman(
        "cp",
        str(write_intruder(tmp_path / "intruder", targets, interpreter="/usr/bin/python3")),
        name_of(host) + ":" + program,
    )
    host.check_output(f"echo 'FFMPEG_PATH=\"{program}\"' >> {SETTINGS}")
    try:
        host.check_output(f"systemctl stop {UNITS}; systemctl restart rising-stars-settings; systemctl start {UNITS}")
        ledger.add_clip(6)
        job = ledger.wait_for(lambda job: job["state"] == "failed")
    finally:
        host.check_output(f"sed -i /FFMPEG_PATH/d {SETTINGS}; rm -r {other} {program}")
        host.check_output(f"systemctl stop {UNITS}; systemctl restart rising-stars-settings; systemctl start {UNITS}")
    said = str(job["error_detail"])
    # ProtectProc hides the worker from processes that are forbidden to trace it, so its files in /proc can be missing.
    check_denied(said, without=frozenset({"read_clip", *PARENT}))
    assert {endings(said)[name] for name in PARENT} <= {*DENIED, "ENOENT"}
    assert "sandbox_incomplete" not in journal_of_worker(host)


def journal_of_worker(host: Host) -> str:
    return str(host.check_output("journalctl --unit rising-stars-worker --no-pager --output cat"))


def test_units_without_settings_wait_and_start_once_the_settings_exist(host: Host, ledger: Ledger) -> None:
    assert ledger.host is host
    host.check_output(f"systemctl stop {UNITS} rising-stars-settings redis-server")
    host.check_output(f"mv {SETTINGS} {SETTINGS}.away; rm /run/rising-stars/site.env")
    try:
        host.run(f"systemctl start {UNITS}")
        assert host.run(f"systemctl is-active {UNITS}").failed
    finally:
        host.check_output(f"mv {SETTINGS}.away {SETTINGS}")
    deadline = time.monotonic() + 30
    while host.run(f"systemctl is-active redis-server {UNITS}").failed or 0 in {main_pid(host)}:
        host.run("systemctl start redis-server")
        assert time.monotonic() < deadline, journal(host)
        time.sleep(0.5)


def test_no_secret_is_on_a_command_line_or_in_the_journal(host: Host, ledger: Ledger) -> None:
    secrets = ["q" * 40, "j" * 40, "d" * 40, ledger.database.server.password]
    printed = host.check_output("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'") + host.check_output(
        "journalctl --no-pager"
    )
    assert "rising-stars-worker" in printed
    assert [secret for secret in secrets if secret in printed] == []


@pytest.mark.parametrize("unit", UNITS.split())
def test_each_unit_runs_in_a_sandbox(host: Host, unit: str) -> None:
    overall = host.check_output(f"systemd-analyze security {unit}.service --no-pager | tail --lines 1")
    assert float(overall.split(f"{unit}.service: ")[1].split()[0]) <= 2.0


def test_a_stop_may_take_longer_than_the_drain_and_ends_the_consumer_first(host: Host) -> None:
    properties = ("KillMode", "OOMPolicy", "Restart", "TimeoutStopUSec", "CPUWeight", "IOWeight", "User")
    asked = " ".join(f"--property {name}" for name in properties)
    printed = host.check_output(f"systemctl show rising-stars-worker {asked}")
    shown = dict(line.split("=", 1) for line in printed.splitlines())
    assert [shown[name] for name in properties] == ["mixed", "continue", "always", "2min", "50", "50", "stars"]
    environment = host.check_output(f"cat /proc/{main_pid(host)}/environ | tr '\\0' '\\n'").splitlines()
    assert {"DRAIN_SECONDS=90", "WORKERS=1"} <= set(environment)


def test_its_user_owns_nothing_that_it_runs(host: Host) -> None:
    assert host.check_output("find /opt/rising-stars /usr/bin /etc/systemd /etc/rising-stars -user stars") == ""
    assert (host.file(WORK).user, host.file(WORK).mode) == ("stars", 0o700)


def test_the_units_are_valid_and_start_at_boot(host: Host) -> None:
    assert (
        host.check_output("systemd-analyze verify rising-stars-worker.service rising-stars-upkeep.service 2>&1") == ""
    )
    assert host.check_output(f"systemctl is-enabled {UNITS}").split() == ["enabled", "enabled"]
