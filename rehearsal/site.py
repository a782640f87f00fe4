"""Start and stop a rehearsal, and give its scenarios access to the operator, the site and the machines."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from demo.ports import free_port
from rehearsal.aws.server import MockAws
from rehearsal.control import Control, Instance
from rehearsal.hosts.bundles import bundle_of_working_tree
from rehearsal.hosts.podman import environment as podman_environment
from rehearsal.hosts.podman import podman, remove_leftovers
from rehearsal.machines import IMAGES
from rehearsal.operator.whole_site import Operator
from rehearsal.plane import NETWORK
from testing.processes import wait_until

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "var" / "rehearsal"
START_SECONDS = 120
STOP_SECONDS = 240
LOG_LINES = 40
"""The number of lines of the data plane's log to print after a failure."""

OPERATOR = "operator"
"""The operator's access key, which distinguishes the playbooks' calls from the machines' calls."""


@dataclass(frozen=True)
class Rehearsal:
    """A running rehearsal: the site's URL, its operator, and access to its machines and to mock AWS."""

    endpoint: str
    url: str
    """The URL of the load balancer."""
    operator: Operator
    control: Control

    def client(self, **options: Any) -> httpx.Client:
        """Return an HTTP client for the site's API, through the load balancer."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60, **options)

    def instances(self, role: str) -> list[Instance]:
        """Return the running instances with the tag Role=`role`."""
        found = [each for each in self.control.instances() if each.tags.get("Role") == role]
        return [each for each in found if each.state == "running"]

    def on(self, instance: Instance, command: str) -> str:
        """Run a shell command that must succeed on a machine, and return its output."""
        return podman("exec", container(instance), "sh", "-c", command)

    def crash(self, instance: Instance) -> None:
        """Kill a machine, as a power failure would."""
        podman("kill", "--signal", "KILL", container(instance))

    def boot(self, instance: Instance) -> None:
        """Boot a machine again, as AWS' automatic recovery does."""
        podman("start", container(instance))

    def shut_database(self) -> None:
        """Make the database unreachable."""
        self._signal_plane(signal.SIGUSR1)

    def open_database(self) -> None:
        """Make the database reachable again."""
        self._signal_plane(signal.SIGUSR2)

    def wait(self, done: Callable[[], bool], *, what: str, seconds: float) -> float:
        """Wait until `done` returns True, and return how many seconds that took."""
        began = time.monotonic()
        wait_until(lambda: _or_false(done), what=what, seconds=seconds)
        return round(time.monotonic() - began, 1)

    @staticmethod
    def _signal_plane(number: signal.Signals) -> None:
        os.kill(json.loads((FOLDER / "plane.json").read_text())["pid"], number)


def container(instance: Instance) -> str:
    """Return the name of an instance's container."""
    return f"{NETWORK}-{instance.id}"


def _or_false(done: Callable[[], bool]) -> bool:
    """Return what `done` returns; False if one of its requests gets no response."""
    with contextlib.suppress(httpx.TransportError):
        return done()
    return False


@contextmanager
def rehearsal(*, keep: bool = False) -> Iterator[Rehearsal]:
    """Run the data plane, and yield the rehearsal. Unless `keep` is set, remove everything at the end of the block."""
    clean_up()
    bundle = bundle_of_working_tree()
    plane = start_plane()
    try:
        yield connect(wait_for(plane), {"aws_release_version": bundle.version, "aws_release_bundle": str(bundle.path)})
    except BaseException:
        last = (FOLDER / "plane.log").read_text(errors="replace").splitlines()[-LOG_LINES:]
        sys.stderr.write("\n".join(["The end of the data plane's log:", *last, ""]))
        raise
    finally:
        if not keep:
            clean_up()
            plane.wait()


def start_plane() -> subprocess.Popen[bytes]:
    """Start the data plane in its own session, so that `end_session` can find all its processes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "rehearsal.plane", str(FOLDER), str(free_port())]
    with (FOLDER / "plane.log").open("wb") as log:
        settings = podman_environment() | {"PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=log, stderr=log, start_new_session=True)
    (FOLDER / "plane.pid").write_text(str(process.pid))
    return process


def wait_for(plane: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait until the data plane has started, and return the content of its plane.json."""
    state = FOLDER / "plane.json"
    wait_until(lambda: state.exists() or plane.poll() is not None, what="the data plane's start", seconds=START_SECONDS)
    if not state.exists():
        raise RuntimeError(f"The data plane ended during its start:\n{(FOLDER / 'plane.log').read_text()[-3000:]}")
    description: dict[str, Any] = json.loads(state.read_text())
    return description


def connect(plane: dict[str, Any], settings: dict[str, str]) -> Rehearsal:
    """Return the rehearsal of a running data plane. The operator's playbooks use `settings` as extra variables."""
    aws = MockAws(plane["endpoint"], FOLDER / "calls.jsonl", OPERATOR)
    (FOLDER / "environment").write_text("".join(f"export {name}={value}\n" for name, value in aws.env.items()))
    operator = Operator(aws, {**settings, "verify_site_url": plane["url"]})
    return Rehearsal(plane["endpoint"], plane["url"], operator, Control(plane["endpoint"], OPERATOR))


def clean_up() -> None:
    """Remove every process, container, network, image and file of a rehearsal, whatever its state."""
    pid_file = FOLDER / "plane.pid"
    if pid_file.exists():
        end_session(int(pid_file.read_text()))
    for name in podman("ps", "--all", "--format", "{{.Names}}").splitlines():
        if name.startswith(f"{NETWORK}-"):
            podman("rm", "--force", "--time", "0", "--volumes", "--ignore", name)
    if NETWORK in podman("network", "ls", "--format", "{{.Name}}").splitlines():
        podman("network", "rm", "--force", NETWORK)
    for image in podman("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={IMAGES}").split():
        podman("rmi", "--force", image)
    remove_leftovers()
    for path in FOLDER.glob("*"):
        path.unlink()


def end_session(leader: int) -> None:
    """Terminate the data plane, and kill the remaining processes of its session."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(leader)
        if "rehearsal.plane" in process.cmdline():
            process.terminate()
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(STOP_SECONDS)
    for process in _session(leader):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _session(leader: int) -> Sequence[psutil.Process]:
    def belongs(process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == leader
        except ProcessLookupError:
            return False

    return [process for process in psutil.process_iter() if belongs(process)]
