"""A site of two machines, each with an API, a worker and upkeep. Connections to the servers pass through proxies."""

import contextlib
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo.ports import free_port
from faults.breakpoints import Breakpoints
from faults.clips import Clips
from faults.gates import Gate, Traffic
from faults.history import History
from faults.keeper import Keeper, Unit
from faults.ledger import Ledger
from faults.lines import Line
from faults.pace import Pace
from faults.servers import Servers
from faults.shim import SHIM, Shim
from testing.homes import PROGRAMS
from testing.processes import Subprocess, wait_until

ROOT = Path(__file__).parents[1]
MACHINES = ("1", "2")
DISK_BYTES = 64 << 20
"""The size of each machine's work directory, if the harness may mount a tmpfs there."""


@dataclass
class Machine:
    """A simulated host: its processes share a work directory, which is a small tmpfs if the harness runs as root."""

    name: str
    folder: Path
    mounted: bool = False

    @property
    def work_dir(self) -> Path:
        return self.folder / "work"

    @property
    def temporary_dir(self) -> Path:
        return self.folder / "temporary"

    def prepare(self) -> None:
        for folder in (self.work_dir, self.temporary_dir):
            folder.mkdir(parents=True)
        if os.geteuid() == 0:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "faults", str(self.work_dir)]
            self.mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.work_dir)], check=False)


class Site:
    """The running site, and everything that faults act on."""

    def __init__(
        self, folder: Path, servers: Servers, history: History, clips: Clips, *, pace: Pace, sabotage: str | None = None
    ) -> None:
        self.previous = "HEAD"
        """The Git ref of the code that a worker runs during the fault `previous_version`."""
        self.folder = folder
        self.servers = servers
        self.history = history
        self.clips = clips
        self.pace = pace
        self.over = threading.Event()
        """Set when the run ends, so that every `sleep` and `until` returns at once."""
        self.visitors: list[threading.Thread] = []
        """Threads that each upload one clip during a fault. An upload may last longer than the fault."""
        self.traffic = Traffic()
        self.lines: dict[tuple[str, str], Line] = {}
        self.machines = {name: Machine(name, folder / f"machine-{name}") for name in MACHINES}
        self.api_urls = {f"api-{name}": f"http://127.0.0.1:{free_port()}" for name in MACHINES}
        self.shim = Shim(folder / "shim")
        self._sabotage = sabotage
        self._gates: dict[str, Gate] = {}
        self._secrets = {name: secrets.token_hex(32) for name in ("JWT_SECRET", "DOORBELL_SECRET")}
        self.database = servers.postgres.at.create_database()
        self.bucket = f"stars-{secrets.token_hex(4)}"
        self.log_dir = folder / "log"
        self.log_dir.mkdir()
        self.ledger = Ledger(servers.postgres.at.url(self.database), history)
        self.breakpoints = Breakpoints(self.ledger, history)
        self.traffic.watchers.append(self.breakpoints.on_request)
        self.keeper = Keeper(self.log_dir, servers.starter, history)

    def start(self) -> None:
        """Start everything, and return when both APIs are ready."""
        for machine in self.machines.values():
            machine.prepare()
        with contextlib.closing(self.servers.seaweedfs.client()) as client:
            client.create_bucket(Bucket=self.bucket)
        with self.servers.redis.client(0) as client_:
            client_.flushall()
        self._migrate()
        self.ledger.watch()
        for machine_name in MACHINES:
            for kind in ("api", "worker", "upkeep"):
                self.keeper.keep(self.unit(f"{kind}-{machine_name}"))
        wait_until(lambda: all(map(_is_ready, self.api_urls.values())), what="both APIs' start")

    def close(self) -> None:
        self.over.set()
        self.traffic.heal()
        self.keeper.close()
        self.ledger.close()
        doors: list[Gate | Line] = [*self._gates.values(), *self.lines.values()]
        for door in doors:
            door.close()
        for machine in self.machines.values():
            machine.close()

    def unit(self, name: str, *, program: str | None = None, **environment: str) -> Unit:
        """Return the unit of a process. The digit in `name`, for example in `worker-1`, names the machine."""
        kind = name.partition("-")[0]
        listen = ["--listen", self.api_urls[name].removeprefix("http://")] if kind == "api" else []
        return Unit(name, [*self._command(program or kind), *listen], {**self.environment(name), **environment})

    def _command(self, kind: str) -> list[str]:
        if self._sabotage:
            return [sys.executable, "-m", "faults.sabotage", self._sabotage, kind]
        if kind == "worker":
            return [sys.executable, "-m", "faults.worker"]
        return [str(PROGRAMS / f"rising-stars-{kind}")]

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a process, with the addresses of its own proxies to the servers."""
        machine = self.machines[name.partition("-")[2][:1]]
        postgres, redis = self.line(name, "postgres"), self.line(name, "redis")
        return {
            **self._plain(machine),
            "DATABASE_URL": self.servers.postgres.at.url(self.database, port=postgres.port),
            "QUEUE_URL": self.servers.redis.at.url(0, port=redis.port),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._gate(name).port}",
        }

    def _plain(self, machine: Machine) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(machine.folder),
            "TMPDIR": str(machine.temporary_dir),
            "LANG": "C.UTF-8",
            "WORK_DIR": str(machine.work_dir),
            SHIM: str(self.shim.program),
            "S3_BUCKET": self.bucket,
            "DATABASE_URL": self.servers.postgres.at.url(self.database),
            "QUEUE_URL": self.servers.redis.at.url(0),
            **self._secrets,
            **self.servers.seaweedfs.environment,
            **self.pace.environment,
        }

    def line(self, process: str, server: str) -> Line:
        """Return the line between a process and `postgres` or `redis`."""
        ports = {"postgres": self.servers.postgres.at.port, "redis": self.servers.redis.at.port}
        if (process, server) not in self.lines:
            self.lines[process, server] = Line(f"{process}-{server}", ports[server])
        return self.lines[process, server]

    def lines_to(self, server: str) -> list[Line]:
        return [line for (_, name), line in list(self.lines.items()) if name == server]

    def _gate(self, process: str) -> Gate:
        if process not in self._gates:
            self._gates[process] = Gate(process, self.servers.seaweedfs.ports["s3"], self.traffic)
        return self._gates[process]

    def operate(self, name: str) -> tuple[int, str]:
        """Run a `rising-stars` command, and return its exit code and output."""
        environment = self._plain(self.machines["1"])
        program = [str(PROGRAMS / "rising-stars"), name]
        log = self.log_dir / f"{name}.log"
        command = self.servers.starter.do(lambda: Subprocess(program, log=log, environment=environment))
        wait_until(lambda: not command.running, what=f"the end of {name}")
        return command.stop(), log.read_text()

    def _migrate(self) -> None:
        code, output = self.operate("migrate")
        if code != 0:
            raise RuntimeError(output)

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until the run ends."""
        self.over.wait(seconds)

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Poll until `done` returns True or the time is up; return whether it returned True."""
        deadline = self.history.now + seconds
        while not done():
            if self.history.now > deadline or self.over.wait(0.05):
                return False
        return True


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
