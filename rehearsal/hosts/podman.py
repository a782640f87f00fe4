"""Podman, as hosts of tests need it: as root, with runc, and with limits that this machine can grant."""

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
"""What is kept between runs: the image's recipe, bundles, Podman's settings."""

LABEL = "rising-stars-owner"
"""Of containers and networks of tests: whose they are, as `owner()` says it."""

KEPT = "kept"
"""The owner of what stays until somebody removes it by name (molecule between its steps)."""

PROGRAMS = ("podman", "runc", "mmdebstrap")
TRIAL = ("run", "--rm", "--privileged", "--systemd=always", "--network=bridge", "--volume=/usr:/usr:ro")


class PodmanError(Exception):
    """What Podman said."""


def require_podman() -> None:
    """Refuse, in a sentence, where hosts cannot run.

    Raises:
        NotInstalled: something that they need is missing.
    """
    if missing := what_is_missing():
        raise NotInstalled(missing)


def what_is_missing() -> str | None:
    """Why hosts cannot run here, in a sentence; None when they can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0:
        return "Hosts run as Podman containers with systemd, which takes root: use sudo"
    if missing:
        return f"Hosts need {', '.join(missing)}: run tests/services/install-packages as root"
    return _why_no_container_runs()


@functools.cache
def _why_no_container_runs() -> str | None:
    """Ask Podman itself to run what hosts are: the root of an ordinary container lacks the privileges."""
    with tempfile.TemporaryDirectory(prefix="rising-stars-trial-") as root:
        for name in ("bin", "lib", "lib64", "sbin"):
            Path(root, name).symlink_to(f"usr/{name}")
        try:
            podman(*TRIAL, "--rootfs", root, "/bin/true")
        except PodmanError as error:
            reason = str(error).splitlines()[-1].removeprefix("Error: ")
            return f"Hosts run as privileged Podman containers, and Podman cannot start one here ({reason})"
    return None


def podman(*arguments: str, given: bytes | None = None) -> str:
    """Run a Podman command and hand back what it printed.

    Raises:
        PodmanError: it failed.
    """
    done = subprocess.run(["podman", *arguments], input=given, env=environment(), capture_output=True, check=False)
    if done.returncode != 0:
        raise PodmanError(f"podman {' '.join(arguments)}\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout.decode().strip()


def environment() -> dict[str, str]:
    """This process's environment, and the settings that lead Podman to runc."""
    return {**os.environ, "CONTAINERS_CONF": str(settings_file())}


@functools.cache
def settings_file() -> Path:
    """Where cgroups are hybrid, Podman's own choice (crun) refuses; and limits above the machine's own are refused."""
    files, processes = _at_most(resource.RLIMIT_NOFILE, 65_536), _at_most(resource.RLIMIT_NPROC, 10_000)
    quoted = f'"nofile={files}:{files}", "nproc={processes}:{processes}"'
    VAR.mkdir(parents=True, exist_ok=True)
    path = VAR / "containers.conf"
    text = f'[engine]\nruntime = "runc"\n[containers]\ndefault_ulimits = [{quoted}]\n'
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def _at_most(limit: int, wanted: int) -> int:
    granted = resource.getrlimit(limit)[1]
    return wanted if granted == resource.RLIM_INFINITY else min(granted, wanted)


def owner() -> str:
    """This process, by its number and when it started."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def remove_leftovers() -> None:
    """Remove the containers and networks whose owner was killed before it could."""
    for name, of in _labelled("ps", "--all"):
        if not _alive(of):
            podman("rm", "--force", "--time", "0", "--volumes", "--ignore", name)
    for name, of in _labelled("network", "ls"):
        if not _alive(of):
            # Another run may have been quicker.
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
    """When the process started, in ticks since the machine did; empty when there is none."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return ""


def wait_for(done: str, *, name: str, seconds: float) -> None:
    """Run a shell command in the container until it succeeds.

    Raises:
        PodmanError: it did not within that time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            podman("exec", name, "sh", "-c", done)
        except PodmanError as error:
            if time.monotonic() > deadline:
                raise PodmanError(f"Not within {seconds:g} s: {error}") from error
            time.sleep(0.2)
        else:
            return
