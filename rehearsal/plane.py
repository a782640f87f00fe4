"""The data plane of a rehearsal, which runs the resources that moto records. moto itself runs in this process, too.

    python -m rehearsal.plane FOLDER PORT

moto listens on the address of the container network's bridge. Instances are containers, RDS is PostgreSQL, the load
balancer is HAProxy on 127.0.0.1:PORT, and dnsmasq resolves names. The process writes `FOLDER/plane.json` when it has
started. SIGUSR1 makes the database unreachable, and SIGUSR2 makes it reachable again. On SIGTERM the process removes
everything that it started, and exits.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import structlog
from werkzeug.serving import make_server

from demo.ports import free_port
from rehearsal import hooks
from rehearsal.aws.application import RequestHandler, build
from rehearsal.balancer import LoadBalancer
from rehearsal.control import Control
from rehearsal.databases import DatabaseServer
from rehearsal.groups import Health
from rehearsal.hosts.certificates import Authority
from rehearsal.hosts.metadata import MetadataService
from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import podman
from rehearsal.machines import Machines
from rehearsal.names import Resolver
from rehearsal.operator.policy import create_boundary
from rehearsal.scaling import Scaling

log = structlog.get_logger(__name__)

NETWORK = "rising-stars-rehearsal"
SUBNET = "10.20.0.0/16"
"""The VPC's address range (roles/aws_network/defaults), so that hosts have the addresses of their instances."""

TICK_SECONDS = 1.0


class Plane:
    """The data plane with all its parts. Each `tick` advances them by one step."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.network = self._running.enter_context(Network(NETWORK, subnet=SUBNET))
        self.authority = Authority.create()
        self.endpoint = self._serve_aws()
        self.control = Control(self.endpoint)
        create_boundary(self.control.client("iam"), "rehearsal")
        self.resolver = self._running.enter_context(Resolver(self.network.bridge, folder))
        self.database = self._running.enter_context(DatabaseServer(self.network, self.authority, folder))
        self.balancer = self._running.enter_context(LoadBalancer(port, folder))
        self.machines = Machines(self.control, self.network, self._running.enter_context(MetadataService(self.network)))
        self.health = Health(self.control, self.machines.dead)
        self.scaling = Scaling(self.control)
        self._answers: dict[str, bool] = {}
        self._targets_without_machine: frozenset[str] = frozenset()
        self._booted: set[str] = set()
        hooks.apply(self._is_healthy)

    def close(self) -> None:
        """Remove everything that the data plane created."""
        self._running.close()
        for image in self.machines.images():
            podman("rmi", "--force", image)

    def tick(self) -> None:
        """Advance each part by one step. If one part fails, log its error and continue with the others."""
        instances = {instance.id: instance for instance in self.control.instances()}
        groups = {group.name: group for group in self.control.groups()}
        self._answers = dict.fromkeys(self._targets_without_machine, False) | self.balancer.health()
        self._booted = {each.id for each in instances.values() if each.tags.get("BootStatus") == "ready"}
        for step in (
            self._update_names,
            lambda: self.database.follow(next(self.control.databases(), None), self.control.snapshots()),
            lambda: self.machines.follow(instances, groups),
            lambda: self._update_balancer(groups),
            lambda: self.health.follow(groups, self._answers),
            lambda: self.scaling.follow(groups, self._answers, self.balancer.requests()),
        ):
            attempt(step)

    def _is_healthy(self, instance_id: str) -> bool:
        """Return a target's health in the load balancer or, for any other machine, whether its BootStatus is ready."""
        return self._answers.get(instance_id, instance_id in self._booted)

    def _update_names(self) -> None:
        databases = {database.host: self.database.address for database in self.control.databases()}
        self.resolver.set_names({**databases, **dict(self.control.names())})

    def _update_balancer(self, groups: dict[str, Any]) -> None:
        desired = self.control.balancer()
        if desired is not None:
            serving = [group for group in groups.values() if desired.target_group.arn in group.target_groups]
            members = frozenset().union(*(group.members for group in serving))
            # Mock AWS may give a new instance the address of a machine that is still draining. The address belongs to
            # the new instance once its own machine exists.
            addresses = self.machines.addresses()
            self.balancer.follow(desired, {each: addresses[each] for each in members if each in addresses})
            self._targets_without_machine = members - addresses.keys()

    def _serve_aws(self) -> str:
        application = build(self._folder / "calls.jsonl")
        address, port = self.network.bridge, free_port()
        server = make_server(address, port, application, threaded=True, request_handler=RequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._running.callback(server.shutdown)
        return f"http://{address}:{port}"


def attempt(step: Callable[[], None]) -> None:
    """Run a step. Log its exception instead of raising it, because the next tick repeats the step."""
    try:
        step()
    except Exception:
        log.exception("step_failed")


def main(folder: Path, port: int) -> None:
    """Run until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    shown = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.TimeStamper("%H:%M:%S", utc=False), shown])
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    plane = Plane(folder, port)
    signal.signal(signal.SIGUSR1, lambda *_: plane.database.shut())
    signal.signal(signal.SIGUSR2, lambda *_: plane.database.open())
    try:
        (folder / "database-ca.pem").write_text(plane.authority.certificate)
        state = {"pid": os.getpid(), "endpoint": plane.endpoint, "url": f"http://127.0.0.1:{port}"}
        path = folder / "plane.json"
        path.with_suffix(".new").write_text(json.dumps(state))
        path.with_suffix(".new").rename(path)
        while True:
            attempt(plane.tick)
            time.sleep(TICK_SECONDS)
    finally:
        plane.close()
        (folder / "plane.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
