"""A rehearsal as its scenarios see it: the operator's playbooks, the site's address, and the machines behind it."""

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
"""Of the plane's log, when something went wrong."""

OPERATOR = "operator"
"""The access key of the one who runs playbooks, by which his calls are told from the machines'."""


@dataclass(frozen=True)
class Rehearsal:
    """A plane that runs, and who uses it."""

    endpoint: str
    url: str
    """Where the load balancer is published."""
    operator: Operator
    control: Control

    def client(self, **options: Any) -> httpx.Client:
        """A client of the site's API, through the load balancer."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60, **options)

    def instances(self, role: str) -> list[Instance]:
        """The machines of a role that AWS calls running."""
        found = [each for each in self.control.instances() if each.tags.get("Role") == role]
        return [each for each in found if each.state == "running"]

    def on(self, instance: Instance, command: str) -> str:
        """What a shell command printed on a machine; it must succeed."""
        return podman("exec", container(instance), "sh", "-c", command)

    def crash(self, instance: Instance) -> None:
        """Cut a machine's power."""
        podman("kill", "--signal", "KILL", container(instance))

    def boot(self, instance: Instance) -> None:
        """Switch it on again, as AWS does with a machine that it recovers."""
        podman("start", container(instance))

    def tell_plane(self, wish: str) -> None:
        """Signal the plane: `shut` or `open` the database."""
        signals = {"shut": signal.SIGUSR1, "open": signal.SIGUSR2}
        os.kill(json.loads((FOLDER / "plane.json").read_text())["pid"], signals[wish])

    def wait(self, done: Callable[[], bool], *, what: str, seconds: float) -> float:
        """Wait until it is so, and say how many seconds that took."""
        began = time.monotonic()
        wait_until(lambda: _or_false(done), what=what, seconds=seconds)
        return round(time.monotonic() - began, 1)


def container(instance: Instance) -> str:
    """The container that an instance is."""
    return f"{NETWORK}-{instance.id}"


def _or_false(done: Callable[[], bool]) -> bool:
    """A question that cannot be asked at the moment is not answered with yes."""
    with contextlib.suppress(httpx.TransportError):
        return done()
    return False


@contextmanager
def rehearsal(*, keep: bool = False) -> Iterator[Rehearsal]:
    """Start the plane, and take all of it away afterwards; with `keep` only when something goes wrong before that."""
    take_down()
    bundle = bundle_of_working_tree()
    plane = start_plane()
    try:
        yield introduce(
            wait_for(plane), {"aws_release_version": bundle.version, "aws_release_bundle": str(bundle.path)}
        )
    except BaseException:
        last = (FOLDER / "plane.log").read_text(errors="replace").splitlines()[-LOG_LINES:]
        sys.stderr.write("\n".join(["What the data plane said last:", *last, ""]))
        raise
    finally:
        if not keep:
            take_down()
            plane.wait()


def start_plane() -> subprocess.Popen[bytes]:
    """In a session of its own, so that all that it starts is known by that."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "rehearsal.plane", str(FOLDER), str(free_port())]
    with (FOLDER / "plane.log").open("wb") as log:
        settings = podman_environment() | {"PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=log, stderr=log, start_new_session=True)
    (FOLDER / "plane.pid").write_text(str(process.pid))
    return process


def wait_for(plane: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Until all of it answers; what it tells of itself."""
    state = FOLDER / "plane.json"
    wait_until(lambda: state.exists() or plane.poll() is not None, what="the plane's start", seconds=START_SECONDS)
    if not state.exists():
        raise RuntimeError(f"The plane ended at once:\n{(FOLDER / 'plane.log').read_text()[-3000:]}")
    told: dict[str, Any] = json.loads(state.read_text())
    return told


def introduce(plane: dict[str, Any], settings: dict[str, str]) -> Rehearsal:
    """Everybody who has to do with a plane."""
    aws = MockAws(plane["endpoint"], FOLDER / "calls.jsonl", OPERATOR)
    (FOLDER / "environment").write_text("".join(f"export {name}={value}\n" for name, value in aws.env.items()))
    operator = Operator(aws, {**settings, "verify_site_url": plane["url"]})
    return Rehearsal(plane["endpoint"], plane["url"], operator, Control(plane["endpoint"], OPERATOR))


def take_down() -> None:
    """Remove every process, container, network, image and file of a rehearsal, whatever state it is in."""
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
    """Let the plane end in good order, and kill what is left of its session."""
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
