"""The load balancer of a rehearsal: HAProxy with the targets and the health checks of the target group."""

import contextlib
import csv
import io
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rehearsal.control import Balancer

SLOTS = 12
"""The maximum number of targets: three machines, three more during an instance refresh, and those that still drain."""

CONFIGURATION = """\
global
    stats socket {socket} mode 600 level admin
    log stdout format raw local0 warning
    maxconn 4000
defaults
    mode http
    log global
    option dontlognull
    option forwardfor
    # If the connection to a target fails, the request is sent to another one.
    option redispatch 1
    retries 2
    timeout connect 5s
    timeout client {idle}s
    timeout server {idle}s
    timeout http-keep-alive {idle}s
    timeout check 5s
frontend listener
    bind 127.0.0.1:{port}
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Port {port}
{refusals}    default_backend targets
backend targets
    balance roundrobin
    option httpchk GET {health_path}
    http-check expect status 200
    default-server inter {health_seconds}s rise {healthy_after} fall {unhealthy_after} port {target_port} check
    server-template target 1-{slots} 127.0.0.1:{target_port} disabled
"""


@dataclass
class Slot:
    """A server in HAProxy's configuration, and the instance that it represents; a free slot has no instance."""

    name: str
    instance_id: str = ""
    drains_since: float | None = None


@dataclass
class LoadBalancer:
    """HAProxy at 127.0.0.1:`port`. The first call of `follow` starts the process."""

    port: int
    folder: Path
    _slots: list[Slot] = field(default_factory=list)
    _configuration: str = ""
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def follow(self, desired: Balancer, targets: Mapping[str, str]) -> None:
        """Forward requests to `targets` (instance ID → address), and drain the instances that are no longer targets."""
        self._configure(desired)
        for slot in self._slots:
            if slot.instance_id and slot.instance_id not in targets:
                self._drain(slot, desired.target_group.draining_seconds)
        placed = {slot.instance_id for slot in self._slots}
        for instance_id in targets.keys() - placed:
            self._place(instance_id, targets[instance_id], desired.target_group.port)

    def health(self) -> dict[str, bool]:
        """Return, for each target that is not draining, whether it passes its health checks."""
        states = {row["svname"]: row["status"] for row in self._statistics() if row["pxname"] == "targets"}
        return {
            slot.instance_id: states.get(slot.name, "").startswith("UP")
            for slot in self._slots
            if slot.instance_id and slot.drains_since is None
        }

    def requests(self) -> int:
        """Return the number of requests since HAProxy started."""
        return sum(int(row["req_tot"] or 0) for row in self._statistics() if row["svname"] == "FRONTEND")

    def drained(self, instance_id: str) -> bool:
        """Whether the instance has no slot: it was never a target, or its draining is complete."""
        return all(slot.instance_id != instance_id for slot in self._slots)

    def _configure(self, desired: Balancer) -> None:
        group = desired.target_group
        configuration = CONFIGURATION.format(
            socket=self._socket,
            port=self.port,
            idle=desired.idle_seconds,
            refusals="".join(map(refusal, desired.refused)),
            health_path=group.health_path,
            health_seconds=group.health_seconds,
            healthy_after=group.healthy_after,
            unhealthy_after=group.unhealthy_after,
            target_port=group.port,
            slots=SLOTS,
        )
        if configuration != self._configuration:
            self._stop()
            self._start(configuration)

    def _start(self, configuration: str) -> None:
        path = self.folder / "haproxy.cfg"
        path.write_text(configuration)
        self._slots = [Slot(f"target{number}") for number in range(1, SLOTS + 1)]
        with (self.folder / "haproxy.log").open("ab") as log:
            self._process = subprocess.Popen(["haproxy", "-f", str(path)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"HAProxy did not start: see {self.folder / 'haproxy.log'}")
            time.sleep(0.1)
        self._configuration = configuration

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process, self._configuration = None, ""
        self._socket.unlink(missing_ok=True)

    @property
    def _socket(self) -> Path:
        return self.folder / "haproxy.sock"

    def _place(self, instance_id: str, address: str, port: int) -> None:
        slot = next((each for each in self._slots if not each.instance_id), None)
        if slot is None:
            raise RuntimeError(f"No slot is free for {instance_id}: a rehearsal's load balancer has {SLOTS} targets")
        slot.instance_id, slot.drains_since = instance_id, None
        self._order(f"set server targets/{slot.name} addr {address} port {port}")
        # On AWS, a new target has the state `initial` and gets no requests until its checks pass. By default, HAProxy
        # considers a new server healthy until a check fails.
        self._order(f"set server targets/{slot.name} state drain")
        self._order(f"set server targets/{slot.name} health down")
        self._order(f"set server targets/{slot.name} state ready")

    def _drain(self, slot: Slot, seconds: float) -> None:
        if slot.drains_since is None:
            slot.drains_since = time.monotonic()
            self._order(f"set server targets/{slot.name} state drain")
        elif time.monotonic() - slot.drains_since > seconds or not self._busy(slot):
            self._order(f"set server targets/{slot.name} state maint")
            self._order(f"shutdown sessions server targets/{slot.name}")
            slot.instance_id, slot.drains_since = "", None

    def _busy(self, slot: Slot) -> bool:
        return any(int(row["scur"] or 0) for row in self._statistics() if row["svname"] == slot.name)

    def _statistics(self) -> list[dict[str, str]]:
        if self._process is None:
            return []
        return list(csv.DictReader(io.StringIO(self._order("show stat").removeprefix("# "))))

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self._order("show info"))
        return False

    def _order(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self._socket))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()


def refusal(pattern: str) -> str:
    """Return HAProxy's rule that responds to a path with 404. A trailing * in `pattern` matches any text."""
    match = f"path_beg {pattern[:-1]}" if pattern.endswith("*") else f"path {pattern}"
    return f"    http-request return status 404 content-type text/plain string Not\\ found if {{ {match} }}\n"
