"""The machines of a rehearsal follow the instances that mock AWS records."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from rehearsal import machines
from rehearsal.control import Group, Instance
from rehearsal.machines import Machines
from testing.processes import wait_until

ADDRESS = "10.20.32.4"
GROUP = Group(
    name="web",
    members=frozenset(),
    desired=1,
    smallest=1,
    largest=3,
    health_check="ELB",
    grace_seconds=60,
    target_groups=frozenset(),
    hook_seconds=None,
)


@dataclass
class Container:
    """A container that starts and is removed at once."""

    name: str
    running_names: set[str]

    def start(self) -> None:
        self.running_names.add(self.name)

    def running(self) -> bool:
        return False

    def remove(self) -> None:
        self.running_names.discard(self.name)


@dataclass
class Control:
    """Mock AWS: it knows no images, and every instance has the same credentials and user data."""

    images: Callable[[], dict[str, str]] = dict
    credentials: Callable[[str], tuple[str, str, str]] = field(default=lambda _: ("key", "secret", "token"))
    user_data: Callable[[str], str] = field(default=lambda _: "")


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> Machines:
    running_names: set[str] = set()
    monkeypatch.setattr(machines, "names_running", lambda: set(running_names))
    monkeypatch.setattr(machines, "Host", lambda *, name, **_: Container(name, running_names))
    network: Any = SimpleNamespace(name="rehearsal", bridge="10.20.0.1")
    metadata: Any = SimpleNamespace(register=lambda identity: identity, identities={})
    control: Any = Control()
    return Machines(control, network, metadata)


def instance(name: str, state: str) -> Instance:
    return Instance(name, state, ADDRESS, "ami-1", "us-east-1a", "web", {"aws:autoscaling:groupName": "web"})


def test_an_address_belongs_to_a_new_instance_only_once_the_leaving_machine_is_gone(followed: Machines) -> None:
    def follow(**states: str) -> dict[str, str]:
        followed.follow({name: instance(name, state) for name, state in states.items()}, {"web": GROUP})
        return followed.addresses()

    assert follow(old="running") == {"old": ADDRESS}
    assert follow(old="terminated", new="running") == {"old": ADDRESS}
    wait_until(lambda: followed.addresses() == {}, what="the removal of the old machine")
    assert follow(old="terminated", new="running") == {"new": ADDRESS}
