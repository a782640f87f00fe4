"""Baked, booted or pushed: a host is the same, whichever way it became what it is."""

import fnmatch
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from rehearsal.hosts import snapshot
from rehearsal.hosts.boots import Machine, Site
from rehearsal.hosts.bundles import Bundle, release_with
from rehearsal.hosts.host import Host
from rehearsal.hosts.pushes import Operator, Pushed
from rehearsal.hosts.site_settings import BUCKET

pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]

KINDS = ("web", "worker")
WAYS = ("baked", "booted", "pushed")
Of = TypeVar("Of")


@dataclass(frozen=True)
class ThreeWays:
    """Machines by kind and way, and the push that made the last ones."""

    machines: dict[tuple[str, str], Machine]
    operator: Operator
    first: Pushed


@pytest.fixture(scope="module")
def ways(
    aws_site: Site, bundle: Bundle, baked: tuple[Machine, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ThreeWays]:
    """Of each kind one machine each way."""
    aws_site.publish(bundle)
    with ExitStack() as running:
        machines = {}
        for kind in KINDS:
            machines[kind, "baked"] = aws_site.launch(kind, bundle, image=baked[1])
            machines[kind, "booted"] = aws_site.launch(kind, bundle)
            machines[kind, "pushed"] = aws_site.launch(kind, bundle)
            machines[kind, "pushed"].host.user_data = "#cloud-config\n"
        for machine in machines.values():
            running.enter_context(machine)
        for (_, way), machine in machines.items():
            if way != "pushed":
                assert machine.wait_for_report(seconds=600) == "ready", machine.log()
        by_kind = {kind: [machines[kind, "pushed"]] for kind in KINDS}
        operator = Operator.with_inventory(tmp_path_factory.mktemp("operator"), aws_site, bundle, by_kind)
        yield ThreeWays(machines, operator, operator.push())


def test_a_push_says_so_and_tells_which_release_it_brought(ways: ThreeWays, bundle: Bundle) -> None:
    assert ways.first.exit_code == 0, ways.first.output[-12_000:]
    for kind in KINDS:
        tags = ways.machines[kind, "pushed"].tags()
        assert (tags["BootStatus"], tags["Release"]) == ("ready", bundle.version)


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_is_the_same_whichever_way_it_became_one(kind: str, ways: ThreeWays) -> None:
    baked, booted, pushed = (snapshot_of(ways.machines[kind, way].host) for way in WAYS)
    assert len(booted) > 1000
    assert differences(booted, pushed) == {}
    # An image holds what any kind needs. Of that, a machine runs no more than its own kind's.
    of_its_kind = {name: of for name, of in baked.items() if name in booted}
    assert without(differences(booted, of_its_kind), OF_ALL_KINDS) == {}
    assert running(baked) == running(booted)


def test_a_second_push_changes_nothing(ways: ThreeWays) -> None:
    again = ways.operator.push()
    assert again.exit_code == 0, again.output[-12_000:]
    assert set(again.changed.values()) == {0}, again.output
    sys.stdout.write(f"A second push to {len(again.changed)} machines: {again.seconds:.1f} s\n")


def test_a_plan_for_one_machine_says_what_it_would_change_and_changes_nothing(ways: ThreeWays) -> None:
    web, settings = ways.machines["web", "pushed"], "/etc/chrony/chrony.conf"
    before = web.host.output(
        f"cp {settings} {settings}.kept; echo '# Somebody was here.' >> {settings}; cat {settings}"
    )
    try:
        plan = ways.operator.push("--limit", web.instance_id, "--check", "--diff")
        assert plan.exit_code == 0, plan.output[-12_000:]
        assert plan.changed == {web.instance_id: 1}, plan.output
        assert "-# Somebody was here." in plan.output
        assert web.host.output(f"cat {settings}") == before
    finally:
        web.host.output(f"mv {settings}.kept {settings}")


def test_a_machine_that_fails_stops_the_push_and_the_others_are_left_alone(ways: ThreeWays) -> None:
    ways.machines["worker", "pushed"].host.stop()
    push = ways.operator.push()
    assert push.exit_code != 0
    assert "host_baseline" not in push.output, push.output
    web = ways.machines["web", "pushed"].host
    assert web.output("curl --silent --output /dev/null --write-out '%{http_code}' http://localhost/ready") == "200"


def test_a_release_of_another_description_of_a_host_is_not_pushed(
    ways: ThreeWays, aws_site: Site, tmp_path: Path
) -> None:
    another = release_with(change_what_a_host_is, tmp_path / "another")
    push = Operator.with_inventory(tmp_path, aws_site, another, {"web": [ways.machines["web", "pushed"]]}).push()
    assert push.exit_code != 0
    assert f"Release {another.version} was not built from this checkout's" in push.output
    assert "playbooks/host.yml" in push.output
    published = aws_site.cloud.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert another.key not in {each["Key"] for each in published}


def change_what_a_host_is(source: Path) -> None:
    playbook = source / "playbooks" / "host.yml"
    playbook.write_text(playbook.read_text() + "# Somebody was here.\n")


def snapshot_of(host: Host) -> dict[str, str]:
    """What it is made of, without what belongs to one machine."""
    host.wait_for("systemctl is-system-running | grep -qE 'running|degraded'", seconds=120)
    found: dict[str, str] = json.loads(host.output(["python3", "-c", Path(snapshot.__file__).read_text()]))
    return without(found, OF_ONE_MACHINE)


def without(found: dict[str, Of], patterns: tuple[str, ...]) -> dict[str, Of]:
    return {name: of for name, of in found.items() if not any(fnmatch.fnmatch(name, own) for own in patterns)}


def running(found: dict[str, str]) -> dict[str, str]:
    return {name: of for name, of in found.items() if name.startswith("running ")}


def differences(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {
        name: (one.get(name), other.get(name)) for name in sorted({*one, *other}) if one.get(name) != other.get(name)
    }


OF_ONE_MACHINE = (
    # A container has its machine's clock: the role starts none there, but the boot of an image does.
    "running chrony.service",
    # Its identity: its name, its number in the journal, its address.
    *("/etc/hostname", "/etc/hosts", "/etc/machine-id", "/etc/redis/machine.conf"),
    # What the last change but one of users left.
    *("/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/subgid-", "/etc/subuid-"),
    # A user made on another day: the day stands in there. `user …` and `group …` tell who there is.
    "/etc/shadow",
    # Where cloud-init wrote the time at which it made its user.
    *("/etc/sudoers", "/etc/sudoers.d/90-cloud-init-users"),
    # What Python compiles when it runs; that of releases is compiled when they are installed, and compared.
    *("/opt/rising-stars/bundles/*/__pycache__", "/opt/rising-stars/bundles/*.pyc"),
    # That the image was baked from this bundle.
    "/opt/rising-stars/bundles/*/baked",
)
"""What may differ from machine to machine, by patterns."""

OF_ALL_KINDS = ("/etc/group", "/etc/gshadow", "/etc/ld.so.cache", "/etc/passwd")
"""Lists in which an image has more. Whether it has the entries of a booted machine, `user …` and `group …` tell."""
