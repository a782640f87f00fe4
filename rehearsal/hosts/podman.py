"""Podman for test hosts: as root, with runc, and with resource limits that this machine can grant."""

import contextlib
import functools
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from testing.processes import NotInstalled

VAR = Path(__file__).parents[2] / "var" / "hosts"
"""A folder that is kept between runs. It contains the lock for building the image, bundles, and Podman's settings."""

LABEL = "rising-stars-owner"
"""The label of test containers and networks; its value is their owner, as `owner()` returns it."""

KEPT = "kept"
"""The owner of hosts that remain until they are removed by name, for example between molecule's steps."""

PROGRAMS = ("podman", "runc", "mmdebstrap")
TRIAL = ("run", "--rm", "--privileged", "--systemd=always", "--network=bridge", "--volume=/usr:/usr:ro")


class PodmanError(Exception):
    """A Podman command failed; the message contains its output."""


def require_podman() -> None:
    """Raise an error if hosts cannot run here.

    Raises:
        NotInstalled: a program or a privilege is missing.
    """
    if missing := find_obstacle():
        raise NotInstalled(missing)


def find_obstacle() -> str | None:
    """Return a sentence that says why hosts cannot run here; None if they can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0:
        return "Hosts are Podman containers with systemd, which require root: use sudo"
    if missing:
        return f"Hosts need {', '.join(missing)}: run tests/services/install-packages as root"
    return _why_no_container_runs()


@functools.cache
def _why_no_container_runs() -> str | None:
    """Try to run a privileged container with systemd. In an ordinary container, even root may be unable to."""
    with tempfile.TemporaryDirectory(prefix="rising-stars-trial-") as root:
        for name in ("bin", "lib", "lib64", "sbin"):
            Path(root, name).symlink_to(f"usr/{name}")
        try:
            podman(*TRIAL, "--rootfs", root, "/bin/true")
        except PodmanError as error:
            reason = str(error).splitlines()[-1].removeprefix("Error: ")
            return f"Hosts are privileged Podman containers, and Podman cannot start one here ({reason})"
    return None


def podman(*arguments: str, given: bytes | None = None) -> str:
    """Run a Podman command and return its output.

    Raises:
        PodmanError: the command failed.
    """
    done = subprocess.run(["podman", *arguments], input=given, env=environment(), capture_output=True, check=False)
    if done.returncode != 0:
        raise PodmanError(f"podman {' '.join(arguments)}\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout.decode().strip()


def environment() -> dict[str, str]:
    """Return this process's environment with the settings that make Podman use runc."""
    return {**os.environ, "CONTAINERS_CONF": str(settings_file())}


@functools.cache
def settings_file() -> Path:
    """Write Podman's settings to a file, and return its path.

    The settings select runc, because Podman's default runtime (crun) fails on a hybrid cgroup hierarchy. They lower the
    resource limits to this machine's, because a container with higher limits does not start.
    """
    files, processes = _at_most(resource.RLIMIT_NOFILE, 65_536), _at_most(resource.RLIMIT_NPROC, 10_000)
    quoted = f'"nofile={files}:{files}", "nproc={processes}:{processes}"'
    VAR.mkdir(parents=True, exist_ok=True)
    path = VAR / "containers.conf"
    text = f'[engine]\nruntime = "runc"\n[containers]\ndefault_ulimits = [{quoted}]\n'
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def _at_most(limit: int, preferred: int) -> int:
    granted = resource.getrlimit(limit)[1]
    return preferred if granted == resource.RLIM_INFINITY else min(granted, preferred)


def owner() -> str:
    """Return this process's ID and start time, which together identify the process."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def remove_leftovers() -> None:
    """Remove the containers and networks whose owner process no longer exists."""
    for name, of in _labelled("ps", "--all"):
        if not _alive(of):
            podman("rm", "--force", "--time", "0", "--volumes", "--ignore", name)
    for name, of in _labelled("network", "ls"):
        if not _alive(of):
            # Another run may already have removed the network.
            with contextlib.suppress(PodmanError):
                podman("network", "rm", "--force", name)


def _labelled(*listing: str) -> Iterator[tuple[str, str]]:
    name = "{{.Names}}" if listing[0] == "ps" else "{{.Name}}"
    for line in podman(*listing, "--filter", f"label={LABEL}", "--format", f"{name} {{{{.Labels}}}}").splitlines():
        found, _, labels = line.partition(" ")
        yield found, labels.partition(f"{LABEL}")[2].lstrip(":=").split(",")[0].rstrip("]").split()[0]


def _alive(of: str) -> bool:
    number, _, started = of.partition("-")
    return of == KEPT or _started(int(number)) == started


def _started(number: int) -> str:
    """Return the process's start time in ticks since the machine's boot; empty if there is no such process."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return ""


def wait_for(done: str, *, name: str, seconds: float) -> None:
    """Repeat a shell command in the container until it succeeds.

    Raises:
        PodmanError: the command did not succeed in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            podman("exec", name, "sh", "-c", done)
        except PodmanError as error:
            if time.monotonic() > deadline:
                raise PodmanError(f"The command did not succeed within {seconds:g} s: {error}") from error
            time.sleep(0.2)
        else:
            return
