"""A host's configuration is the same whether it came from an image (baked), the first boot (booted) or a push."""

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
    """Machines by kind and way of configuration. `first` is the push that configured the `pushed` machines."""

    machines: dict[tuple[str, str], Machine]
    operator: Operator
    first: Pushed


@pytest.fixture(scope="module")
def ways(
    aws_site: Site, bundle: Bundle, baked: tuple[Machine, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ThreeWays]:
    """Three machines of each kind: one baked, one booted and one pushed."""
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


def test_a_push_tags_the_machine_as_ready_and_with_its_release(ways: ThreeWays, bundle: Bundle) -> None:
    assert ways.first.exit_code == 0, ways.first.output[-12_000:]
    for kind in KINDS:
        tags = ways.machines[kind, "pushed"].tags()
        assert (tags["BootStatus"], tags["Release"]) == ("ready", bundle.version)


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_is_the_same_whichever_way_it_was_configured(kind: str, ways: ThreeWays) -> None:
    baked, booted, pushed = (snapshot_of(ways.machines[kind, way].host) for way in WAYS)
    assert len(booted) > 1000
    assert differences(booted, pushed) == {}
    # An image contains the files of every kind of machine, but a machine runs only the services of its own kind.
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
    before = web.host.output(f"cp {settings} {settings}.kept; echo '# Changed by hand.' >> {settings}; cat {settings}")
    try:
        plan = ways.operator.push("--limit", web.instance_id, "--check", "--diff")
        assert plan.exit_code == 0, plan.output[-12_000:]
        assert plan.changed == {web.instance_id: 1}, plan.output
        assert "-# Changed by hand." in plan.output
        assert web.host.output(f"cat {settings}") == before
    finally:
        web.host.output(f"mv {settings}.kept {settings}")


def test_a_machine_that_fails_stops_the_push_and_other_machines_stay_unchanged(ways: ThreeWays) -> None:
    ways.machines["worker", "pushed"].host.stop()
    push = ways.operator.push()
    assert push.exit_code != 0
    assert "host_baseline" not in push.output, push.output
    web = ways.machines["web", "pushed"].host
    assert web.output("curl --silent --output /dev/null --write-out '%{http_code}' http://localhost/ready") == "200"


def test_a_release_built_from_other_playbooks_is_not_pushed(ways: ThreeWays, aws_site: Site, tmp_path: Path) -> None:
    another = release_with(change_the_host_playbook, tmp_path / "another")
    push = Operator.with_inventory(tmp_path, aws_site, another, {"web": [ways.machines["web", "pushed"]]}).push()
    assert push.exit_code != 0
    assert f"Release {another.version} was not built from this checkout's" in push.output
    assert "playbooks/host.yml" in push.output
    published = aws_site.cloud.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert another.key not in {each["Key"] for each in published}


def change_the_host_playbook(source: Path) -> None:
    playbook = source / "playbooks" / "host.yml"
    playbook.write_text(playbook.read_text() + "# Changed by hand.\n")


def snapshot_of(host: Host) -> dict[str, str]:
    """Return a snapshot of the host without entries that are specific to one machine."""
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
    # The role does not start chrony in a container, because a container shares its machine's clock. A boot from a baked
    # image does start it.
    "running chrony.service",
    # The machine's identity: its name, its machine ID and its address.
    *("/etc/hostname", "/etc/hosts", "/etc/machine-id", "/etc/redis/machine.conf"),
    # Backups of the previous state, written by the tools that manage users and groups.
    *("/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/subgid-", "/etc/subuid-"),
    # This file contains the day on which each user was created. The test compares the snapshots' entries `user …` and
    # `group …` instead.
    "/etc/shadow",
    # cloud-init writes the time at which it created its user into these files.
    *("/etc/sudoers", "/etc/sudoers.d/90-cloud-init-users"),
    # Bytecode that Python writes when it runs code of the bundle. The bytecode of an installed release is compared,
    # because the installation compiles it.
    *("/opt/rising-stars/bundles/*/__pycache__", "/opt/rising-stars/bundles/*.pyc"),
    # This file exists only on machines whose image was baked from the bundle.
    "/opt/rising-stars/bundles/*/baked",
)
"""Patterns of the entries that may differ from machine to machine."""

OF_ALL_KINDS = ("/etc/group", "/etc/gshadow", "/etc/ld.so.cache", "/etc/passwd")
"""Files with more entries in an image than on a booted machine, for example accounts.

The test compares the accounts that exist on both through the snapshots' entries `user …` and `group …`.
"""
