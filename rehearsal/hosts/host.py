"""A test host: Debian 12 with systemd in a container. Like an EC2 instance, the host boots and runs user data."""

import json
import secrets
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rehearsal.hosts.image import host_image
from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import LABEL, VAR, environment, owner, podman, wait_for

SEED = "/var/lib/cloud/seed/nocloud"
BOOT_SECONDS = 60


@dataclass(frozen=True)
class Ran:
    """The result of a command on a host."""

    exit_code: int
    output: str
    """Its standard output and standard error."""


@dataclass
class Host:
    """A test host. `start` boots it. `remove`, or the end of the `with` block, removes it, even while it is running.

    Attributes:
        network: the host's network. Without it, the host uses Podman's network `network_name`, or no network.
        address: the host's fixed address in the network.
        user_data: what cloud-init runs at the first boot. Without it, cloud-init is disabled.
        mounts: paths in the host → folders or files of this machine, mounted read-only.
        image: the name of a baked image; by default, the stock image.
    """

    name: str = field(default_factory=lambda: f"rising-stars-host-{secrets.token_hex(3)}")
    network: Network | None = None
    network_name: str | None = None
    address: str | None = None
    user_data: str | None = None
    instance_id: str | None = None
    mounts: Mapping[str, Path] = field(default_factory=dict)
    image: str | None = None
    options: Sequence[str] = ()
    owned_by: str = field(default_factory=owner)
    _seed: tempfile.TemporaryDirectory[str] | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def start(self) -> None:
        """Boot the host for the first time, and return when systemd responds. cloud-init may still be running."""
        where = self.network.name if self.network else self.network_name or "none"
        names = ["--name", self.name, "--hostname", self.name, "--label", f"{LABEL}={self.owned_by}"]
        network = ["--network", where, *(["--ip", self.address] if self.address else [])]
        mounts = [word for path, source in self._all_mounts().items() for word in ("--volume", f"{source}:{path}:ro")]
        boots = ["--detach", "--privileged", "--systemd=always", "--stop-signal", "SIGRTMIN+3"]
        podman(
            *("run", *boots, *names, *network, *mounts, *self.options),
            *(self.image or host_image(), "/lib/systemd/systemd"),
        )
        self.wait_for("systemctl is-system-running 2>&1 | grep -qE 'starting|running|degraded'", seconds=BOOT_SECONDS)

    def run(self, command: str | Sequence[str]) -> Ran:
        """Run a command as root (through the shell if it is a string), and return the result."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        done = subprocess.run(
            ["podman", "exec", self.name, *words],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    def output(self, command: str | Sequence[str]) -> str:
        """Run a command that must succeed, and return its output."""
        ran = self.run(command)
        assert ran.exit_code == 0, f"{command} on {self.name}: exit code {ran.exit_code}\n{ran.output}"
        return ran.output.strip()

    def wait_for(self, command: str, *, seconds: float = 30) -> None:
        """Repeat a shell command until it succeeds; raise PodmanError if it does not in time."""
        wait_for(command, name=self.name, seconds=seconds)

    def wait_for_cloud_init(self, *, seconds: float = 300) -> None:
        """Wait until cloud-init has finished, successfully or not, or is disabled."""
        self.wait_for("cloud-init status | grep -qE 'done|error|disabled'", seconds=seconds)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file on the host."""
        quoted = shlex.quote(path)
        order = f"mkdir -p $(dirname {quoted}) && install -m {mode:o} /dev/stdin {quoted}"
        podman("exec", "--interactive", self.name, "sh", "-c", order, given=text.encode())

    def logs(self, unit: str | None = None) -> str:
        """Return the journal of one unit, or the whole journal."""
        of = ["--unit", unit] if unit else []
        return self.run(["journalctl", "--no-pager", "--output", "short-monotonic", *of]).output

    def kill(self) -> None:
        """Kill the host, as a power failure would."""
        podman("kill", "--signal", "KILL", self.name)

    def stop(self, *, seconds: int = 60) -> None:
        """Shut the host down."""
        podman("stop", "--time", str(seconds), self.name)

    def boot(self) -> None:
        """Boot the host again after `kill` or `stop`, or after it has powered itself off."""
        podman("start", self.name)
        self.wait_for("systemctl is-system-running 2>&1 | grep -qE 'starting|running|degraded'", seconds=BOOT_SECONDS)

    def running(self) -> bool:
        """Whether the host is running."""
        return podman("inspect", "--format", "{{.State.Running}}", self.name) == "true"

    def commit(self, image: str) -> str:
        """Create a machine image from the host's disk, and return the image's name."""
        podman("commit", "--quiet", self.name, image)
        return image

    def remove(self) -> None:
        """Remove the host in any state; do nothing if it does not exist."""
        podman("rm", "--force", "--time", "0", "--volumes", "--ignore", self.name)
        if self._seed is not None:
            self._seed.cleanup()

    def _all_mounts(self) -> dict[str, Path]:
        if self.user_data is None:
            nothing = VAR / "nothing"
            nothing.touch()
            return {**self.mounts, "/etc/cloud/cloud-init.disabled": nothing}
        self._seed = tempfile.TemporaryDirectory(prefix="rising-stars-seed-")
        seed = Path(self._seed.name)
        (seed / "user-data").write_text(self.user_data)
        identity = {"instance-id": self.instance_id or self.name, "local-hostname": self.name}
        (seed / "meta-data").write_text(json.dumps(identity))
        return {**self.mounts, SEED: seed}
