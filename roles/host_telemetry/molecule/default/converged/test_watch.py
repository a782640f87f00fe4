"""Tests of the watch on an extra worker without a CloudWatch agent, with a metadata service and mock AWS."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from testinfra.host import Host

from rehearsal.aws.server import MockAws, running_mock_aws
from rehearsal.hosts.metadata import Identity, MetadataService
from rehearsal.hosts.network import METADATA_ADDRESS, Network
from tests.hosts.real_parts import joined_network

GROUP = "rising-stars-molecule-extra-workers"
HOOK = f"{GROUP}-finish"
UNIT = "rising-stars-watch"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def network(host: Host) -> Iterator[Network]:
    """Connect the scenario's host to a new network with a route to the metadata service, and yield the network."""
    with joined_network(host) as made:
        host.check_output(f"ip route replace {METADATA_ADDRESS} via {made.bridge}")
        yield made


@pytest.fixture(scope="module")
def cloud(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockAws]:
    """Yield a running mock AWS."""
    with running_mock_aws(tmp_path_factory.mktemp("aws"), host=network.bridge) as running:
        yield running


@dataclass(frozen=True)
class Machine:
    """The scenario's host, as an instance of an Auto Scaling group in mock AWS."""

    host: Host
    cloud: MockAws
    identity: Identity

    def state(self) -> str:
        found = self.cloud.client("ec2").describe_instances(InstanceIds=[self.identity.instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def wait_for(self, done: Callable[[], bool], *, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.journal()
            time.sleep(0.3)

    def journal(self) -> str:
        return str(self.host.check_output(f"journalctl --unit {UNIT} --lines 30 --no-pager --output cat"))

    def is_active(self, unit: str = UNIT) -> bool:
        return bool(self.host.run(f"systemctl is-active {unit}").succeeded)


@pytest.fixture(scope="module")
def machine(host: Host, network: Network, cloud: MockAws) -> Iterator[Machine]:
    """Yield the host as an instance of a group with a lifecycle hook; the host's watch calls mock AWS."""
    join_group(cloud)
    found = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])
    instance = found["AutoScalingGroups"][0]["Instances"][0]["InstanceId"]
    with MetadataService(network) as metadata:
        (address,) = (
            line.split()[2].partition("/")[0]
            for line in host.check_output("ip -4 -brief address").splitlines()
            if network.address(0).rpartition(".")[0] in line
        )
        identity = metadata.register(Identity(instance, address, "testing", "testing"))
        host.check_output(f"echo AWS_ENDPOINT_URL={cloud.endpoint} >> /etc/rising-stars/host.env")
        host.check_output(f"systemctl start rising-stars-worker rising-stars-upkeep; systemctl restart {UNIT}")
        yield Machine(host, cloud, identity)
        host.check_output("sed -i /AWS_ENDPOINT_URL/d /etc/rising-stars/host.env")


def join_group(cloud: MockAws) -> None:
    autoscaling = cloud.client("autoscaling")
    image = cloud.client("ec2").describe_images()["Images"][0]["ImageId"]
    autoscaling.create_launch_configuration(LaunchConfigurationName=GROUP, ImageId=image, InstanceType="t3.small")
    sizes: dict[str, Any] = {"MinSize": 1, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"]}
    autoscaling.create_auto_scaling_group(AutoScalingGroupName=GROUP, LaunchConfigurationName=GROUP, **sizes)
    autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=GROUP,
        LifecycleHookName=HOOK,
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=300,
    )


def test_the_watch_keeps_running_while_the_machine_is_in_service(machine: Machine) -> None:
    machine.wait_for(machine.is_active)
    time.sleep(3)
    assert machine.is_active()
    assert machine.state() == "running"


def test_usage_metrics_have_the_kind_that_alarms_expect(machine: Machine) -> None:
    def published() -> set[tuple[str, str]]:
        found = machine.cloud.client("cloudwatch").list_metrics(Namespace="RisingStars/molecule")["Metrics"]
        return {(metric["MetricName"], metric["Dimensions"][0]["Value"]) for metric in found}

    machine.wait_for(lambda: published() == {("DiskUsedPercent", "worker"), ("MemoryUsedPercent", "worker")})


def test_the_watch_is_restarted_after_a_kill(machine: Machine) -> None:
    before = machine.host.check_output(f"systemctl show --property MainPID --value {UNIT}")
    machine.host.check_output(f"systemctl kill --signal KILL {UNIT}")
    machine.wait_for(lambda: machine.host.run(f"systemctl is-active {UNIT} && ! ps --pid {before}").succeeded)


def test_a_restart_of_the_watch_stops_no_service(machine: Machine) -> None:
    machine.host.check_output(f"systemctl restart {UNIT}")
    assert machine.is_active("rising-stars-worker")
    assert machine.state() == "running"


def test_the_watch_also_runs_without_settings(machine: Machine) -> None:
    """A machine that never received settings must drain too."""
    away = "mv /etc/rising-stars/molecule.env /etc/rising-stars/away; rm /run/rising-stars/site.env"
    machine.host.check_output(f"systemctl stop {UNIT} rising-stars-settings; {away}")
    try:
        machine.host.check_output(f"systemctl start {UNIT}")
        time.sleep(2)
        assert machine.is_active()
    finally:
        machine.host.check_output("mv /etc/rising-stars/away /etc/rising-stars/molecule.env")
    machine.host.check_output(f"systemctl start rising-stars-settings; systemctl restart {UNIT}")


def test_the_watch_runs_in_a_sandbox(host: Host) -> None:
    overall = host.check_output(f"systemd-analyze security {UNIT}.service --no-pager | tail --lines 1")
    assert float(overall.split(f"{UNIT}.service: ")[1].split()[0]) <= 2.0


def test_the_watch_may_write_only_the_drain_file(machine: Machine) -> None:
    watch = machine.host.check_output(f"systemctl show --property MainPID --value {UNIT}")
    inside = f"nsenter --target {watch} --mount touch"
    assert machine.host.run(f"{inside} /run/rising-stars/draining && rm /run/rising-stars/draining").succeeded
    for path in ("/etc/x", "/opt/rising-stars/x", "/var/lib/x", "/usr/bin/x"):
        assert "Read-only file system" in machine.host.run(f"{inside} {path}").stderr


def test_without_the_agent_the_journal_is_not_copied_but_the_agents_configuration_exists(host: Host) -> None:
    for unit in ("rising-stars-journal", "amazon-cloudwatch-agent"):
        assert host.run(f"systemctl is-enabled {unit}").stdout.strip() != "enabled"
        assert host.run(f"systemctl is-active {unit}").failed
    assert (
        '"log_group_name": "/rising-stars/molecule/worker"'
        in host.file("/etc/rising-stars/cloudwatch-agent.json").content_string
    )


def test_no_secret_is_on_the_watchs_command_line_or_in_its_log(machine: Machine) -> None:
    texts = machine.host.check_output("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'") + machine.journal()
    assert "host\nwatch" in texts
    assert [secret for secret in ("q" * 40, "j" * 40) if secret in texts] == []


def test_before_a_termination_the_watch_stops_the_services_and_then_exits(machine: Machine) -> None:
    machine.identity.target_lifecycle_state = "Terminated"
    machine.wait_for(lambda: machine.is_active("rising-stars-worker") is False)
    machine.wait_for(lambda: machine.state() == "terminated")
    machine.wait_for(lambda: not machine.is_active())
    assert not machine.is_active("rising-stars-upkeep")
    asked = ["Result", "NRestarts"]
    shown = machine.host.check_output(f"systemctl show --property {','.join(asked)} --value {UNIT}")
    assert shown.split()[0] == "success"
    words = [line for line in machine.journal().splitlines() if "event" in line]
    events = [
        word for line in words for word in ("machine_leaves", "machine_left", "lifecycle_completed") if word in line
    ]
    assert events[-3:] == ["machine_leaves", "machine_left", "lifecycle_completed"]
    time.sleep(7)
    assert not machine.is_active()
