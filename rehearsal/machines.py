"""EC2 in a rehearsal: each instance is a container with systemd, in which cloud-init runs the instance's user data."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum

import structlog

from rehearsal import hooks
from rehearsal.control import Control, Group, Instance
from rehearsal.hosts.host import Host
from rehearsal.hosts.metadata import Identity, MetadataService
from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import podman

log = structlog.get_logger(__name__)

SHUTDOWN_SECONDS = 150
"""How long a machine may take to shut down before it is killed."""

IMAGES = "localhost/rising-stars-rehearsal"


class End(IntEnum):
    """Exit codes of a container's init: 128 plus the signal with which reboot(2) ends the init of a PID namespace."""

    POWERED_OFF = 130
    REBOOTS = 129


@dataclass
class Machine:
    """A container, and the operation in progress on it."""

    instance: Instance
    host: Host
    identity: Identity
    task: Future[None] | None = None
    started: bool = False
    """True from the machine's start until the instance is stopped in mock AWS or the machine powers itself off."""
    leaving_since: float | None = None
    dead_since: float | None = None
    """When the data plane found that the machine had crashed; None while the machine is running."""

    @property
    def busy(self) -> bool:
        return self.task is not None and not self.task.done()


@dataclass
class Machines:
    """All machines. Each call of `follow` brings them one step closer to the state that mock AWS records."""

    control: Control
    network: Network
    metadata: MetadataService
    _machines: dict[str, Machine] = field(default_factory=dict)
    _images: dict[str, Future[None]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=6))

    def follow(self, instances: Mapping[str, Instance], groups: Mapping[str, Group]) -> None:
        """Advance each machine by one step. Long operations run in threads."""
        self._bake()
        running = names_running()
        for instance in instances.values():
            machine = self._machines.get(instance.id)
            if machine is None:
                self._boot_new(instance)
                continue
            self._report_failure(machine)
            if machine.busy:
                continue
            match instance.state:
                case "pending" | "running":
                    self._keep_running(machine, machine.host.name in running)
                case "stopping" | "stopped":
                    self._switch_off(machine, machine.host.name in running)
                case _:
                    self._terminate(machine, groups.get(instance.group), machine.host.name in running)

    def dead(self, instance_id: str) -> bool:
        """Whether the data plane found more than five seconds ago that the machine had crashed."""
        machine = self._machines.get(instance_id)
        return machine is not None and machine.dead_since is not None and time.monotonic() - machine.dead_since > 5

    def addresses(self) -> dict[str, str]:
        """Return the address of each machine, by its instance's ID."""
        return {instance_id: machine.instance.address for instance_id, machine in self._machines.items()}

    def _boot_new(self, instance: Instance) -> None:
        """Boot the machine of a new instance, once its image exists and its address is free."""
        image = self._images.get(instance.image_id)
        taken = any(machine.instance.address == instance.address for machine in self._machines.values())
        if instance.state not in {"pending", "running"} or taken or (image is not None and not image.done()):
            return
        key, secret, token = self.control.credentials(instance.profile)
        identity = Identity(
            *(instance.id, instance.address, key, secret, token),
            role=instance.profile,
            zone=instance.zone,
            tags=instance.tags,
            target_lifecycle_state="InService" if instance.group else None,
        )
        host = Host(
            name=f"{self.network.name}-{instance.id}",
            network=self.network,
            address=instance.address,
            user_data=self.control.user_data(instance.id),
            instance_id=instance.id,
            image=image_name(instance.image_id) if image is not None else None,
            options=("--dns", self.network.bridge),
        )
        machine = Machine(instance, host, self.metadata.register(identity))
        self._machines[instance.id] = machine
        log.info("machine_boots", instance=instance.id, address=instance.address, role=instance.tags.get("Role"))
        self._begin(machine, host.start)
        machine.started = True

    def _keep_running(self, machine: Machine, running: bool) -> None:
        if running:
            machine.dead_since = None
        elif not machine.started:
            self._begin(machine, machine.host.boot)
            machine.started = True
        elif machine.dead_since is None:
            self._handle_stopped(machine)

    def _handle_stopped(self, machine: Machine) -> None:
        """Handle a machine that has stopped running: it has powered itself off, is rebooting, or has crashed."""
        match exit_code(machine.host.name):
            case End.POWERED_OFF:
                log.info("machine_powered_off", instance=machine.instance.id)
                machine.started = False
                self.control.report_stop(machine.instance.id)
            case End.REBOOTS:
                log.info("machine_reboots", instance=machine.instance.id)
                self._begin(machine, machine.host.boot)
            case code:
                log.info("machine_is_dead", instance=machine.instance.id, code=code)
                machine.dead_since = time.monotonic()

    def _switch_off(self, machine: Machine, running: bool) -> None:
        machine.started, machine.dead_since = False, None
        if running:
            self._begin(machine, lambda: machine.host.stop(seconds=SHUTDOWN_SECONDS))

    def _terminate(self, machine: Machine, group: Group | None, running: bool) -> None:
        """Shut down and remove a machine, once its termination lifecycle action is completed or has timed out."""
        waits = group.hook_seconds if group and running else None
        if machine.leaving_since is None:
            log.info("machine_leaves", instance=machine.instance.id, hook_seconds=waits)
            machine.leaving_since = time.monotonic()
            machine.identity.target_lifecycle_state = "Terminated"
            hooks.wait_for(machine.instance.id)
        if waits is not None and not hooks.may_terminate(machine.instance.id, seconds=waits):
            return
        self._begin(machine, lambda: self._remove(machine))

    def _remove(self, machine: Machine) -> None:
        if machine.host.running():
            machine.host.stop(seconds=SHUTDOWN_SECONDS)
        machine.host.remove()
        self.metadata.identities.pop(machine.instance.address, None)
        self._machines.pop(machine.instance.id, None)
        log.info("machine_is_gone", instance=machine.instance.id)

    def _bake(self) -> None:
        """Create each image that is new in mock AWS, from its source instance's container; remove deleted images."""
        recorded = self.control.images()
        for image, source in recorded.items():
            if image not in self._images and source in self._machines:
                log.info("image_is_made", image=image, of=source)
                host = self._machines[source].host
                self._images[image] = self._pool.submit(commit, host, image_name(image))
        for image in [each for each, task in self._images.items() if each not in recorded and task.done()]:
            podman("rmi", "--force", image_name(image))
            del self._images[image]

    def images(self) -> list[str]:
        """Return Podman's names for the committed images."""
        return [image_name(image) for image in self._images]

    def _begin(self, machine: Machine, work: Callable[[], None]) -> None:
        machine.task = self._pool.submit(work)

    def _report_failure(self, machine: Machine) -> None:
        if machine.task is not None and machine.task.done() and (error := machine.task.exception()) is not None:
            log.error("machine_failed", instance=machine.instance.id, error=str(error))
            machine.task = None


def commit(host: Host, image: str) -> None:
    """Create an image from a host's disk."""
    host.commit(image)


def image_name(image_id: str) -> str:
    """Return Podman's name for a machine image."""
    return f"{IMAGES}:{image_id}"


def names_running() -> set[str]:
    """Return the names of the running containers."""
    return set(podman("ps", "--format", "{{.Names}}").splitlines())


def exit_code(name: str) -> int:
    """Return the exit code of the container's init."""
    return int(podman("inspect", "--format", "{{.State.ExitCode}}", name))
