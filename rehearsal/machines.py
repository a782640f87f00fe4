"""Every EC2 instance is a systemd container, booted by cloud-init from its own user data."""

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
"""What a machine is given to go down in good order, before its power is cut."""

IMAGES = "localhost/rising-stars-rehearsal"


class End(IntEnum):
    """How the init of a container ends that asks the kernel for it: 128 and the signal (reboot(2), PID namespaces)."""

    POWERED_OFF = 130
    REBOOTS = 129


@dataclass
class Machine:
    """A container, and what is being done to it."""

    instance: Instance
    host: Host
    identity: Identity
    task: Future[None] | None = None
    started: bool = False
    """Whether it has been switched on, and nobody has switched it off since."""
    leaving_since: float | None = None
    dead_since: float | None = None
    """Since when it does not run though it should."""

    @property
    def busy(self) -> bool:
        return self.task is not None and not self.task.done()


@dataclass
class Machines:
    """All of them. `follow` brings them a step nearer to what AWS has recorded."""

    control: Control
    network: Network
    metadata: MetadataService
    _machines: dict[str, Machine] = field(default_factory=dict)
    _images: dict[str, Future[None]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=6))

    def follow(self, instances: Mapping[str, Instance], groups: Mapping[str, Group]) -> None:
        """One step. What takes long goes on in threads."""
        self._bake()
        running = names_running()
        for instance in instances.values():
            machine = self._machines.get(instance.id)
            if machine is None:
                self._welcome(instance)
                continue
            self._report_failure(machine)
            if machine.busy:
                continue
            match instance.state:
                case "pending" | "running":
                    self._keep_on(machine, machine.host.name in running)
                case "stopping" | "stopped":
                    self._switch_off(machine, machine.host.name in running)
                case _:
                    self._let_go(machine, groups.get(instance.group), machine.host.name in running)

    def dead(self, instance_id: str) -> bool:
        """Whether its power was cut, or it crashed, a few seconds ago or longer."""
        machine = self._machines.get(instance_id)
        return machine is not None and machine.dead_since is not None and time.monotonic() - machine.dead_since > 5

    def _welcome(self, instance: Instance) -> None:
        """Boot a new one, once its image is made and its address is free."""
        made = self._images.get(instance.image_id)
        taken = any(machine.instance.address == instance.address for machine in self._machines.values())
        if instance.state not in {"pending", "running"} or taken or (made is not None and not made.done()):
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
            image=image_name(instance.image_id) if made is not None else None,
            options=("--dns", self.network.bridge),
        )
        machine = Machine(instance, host, self.metadata.introduce(identity))
        self._machines[instance.id] = machine
        log.info("machine_boots", instance=instance.id, address=instance.address, role=instance.tags.get("Role"))
        self._begin(machine, host.start)
        machine.started = True

    def _keep_on(self, machine: Machine, running: bool) -> None:
        if running:
            machine.dead_since = None
        elif not machine.started:
            self._begin(machine, machine.host.boot)
            machine.started = True
        elif machine.dead_since is None:
            self._find_out(machine)

    def _find_out(self, machine: Machine) -> None:
        """Why it no longer runs: by its own will, or not."""
        match exit_code(machine.host.name):
            case End.POWERED_OFF:
                log.info("machine_powered_off", instance=machine.instance.id)
                machine.started = False
                self.control.has_stopped(machine.instance.id)
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

    def _let_go(self, machine: Machine, group: Group | None, running: bool) -> None:
        """A group waits for a machine's own word, by its hook; then it goes down in good order, and is no more."""
        waits = group.hook_seconds if group and running else None
        if machine.leaving_since is None:
            log.info("machine_leaves", instance=machine.instance.id, hook_seconds=waits)
            machine.leaving_since = time.monotonic()
            machine.identity.target_lifecycle_state = "Terminated"
            hooks.wait_for(machine.instance.id)
        if waits is not None and not hooks.let_go(machine.instance.id, seconds=waits):
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
        """Each image that AWS records is its instance's container, committed; one that AWS forgot is removed."""
        recorded = self.control.images()
        for image, source in recorded.items():
            if image not in self._images and source in self._machines:
                log.info("image_is_made", image=image, of=source)
                host = self._machines[source].host
                self._images[image] = self._pool.submit(commit, host, image_name(image))
        for image in [each for each, made in self._images.items() if each not in recorded and made.done()]:
            podman("rmi", "--force", image_name(image))
            del self._images[image]

    def images(self) -> list[str]:
        """Those it has made, by Podman's names."""
        return [image_name(image) for image in self._images]

    def _begin(self, machine: Machine, work: Callable[[], None]) -> None:
        machine.task = self._pool.submit(work)

    def _report_failure(self, machine: Machine) -> None:
        if machine.task is not None and machine.task.done() and (error := machine.task.exception()) is not None:
            log.error("machine_failed", instance=machine.instance.id, error=str(error))
            machine.task = None


def commit(host: Host, image: str) -> None:
    """Make an image of a host's disk."""
    host.commit(image)


def image_name(image_id: str) -> str:
    """Podman's name of a machine image."""
    return f"{IMAGES}:{image_id}"


def names_running() -> set[str]:
    """The containers that run."""
    return set(podman("ps", "--format", "{{.Names}}").splitlines())


def exit_code(name: str) -> int:
    """How the container's init ended."""
    return int(podman("inspect", "--format", "{{.State.ExitCode}}", name))
