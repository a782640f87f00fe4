"""A web machine leaves its Auto Scaling group in a fixed order of steps.

The load balancer stops sending requests, open requests finish, /ready fails, the services stop, and the machine
completes its lifecycle action.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.host.cli import SETTLE_SECONDS
from rehearsal.hosts.boots import Machine, Site
from rehearsal.hosts.bundles import Bundle
from rehearsal.hosts.visits import VisitedSite, status_of, visiting
from testing.clips import pad_to_size
from testing.people import Player
from testing.processes import wait_until

pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]

GROUP = "rising-stars-tests-web"
CLIP_BYTES = 4_000_000
LITTLE = 1000
"""Bytes that a slow client sends at a time."""


class SlowUpload:
    """Uploads a clip slowly until `hurry` sends the rest and returns the status line."""

    def __init__(self, player: Player, machine: Machine, clip: Path) -> None:
        address = machine.host.address or ""
        form = httpx.Request(
            "POST",
            f"{machine.url}/api/videos/upload",
            headers=player.headers,
            data={"title": "Slowly"},
            files={"video_file": ("clip.mp4", clip.read_bytes(), "video/mp4")},
        )
        head = [f"POST {form.url.path} HTTP/1.1", *(f"{name}: {value}" for name, value in form.headers.items())]
        self._rest = form.read()
        self._connection = socket.create_connection((address, 80), timeout=60)
        self._connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        self._hurry = threading.Event()
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sender.start()

    def _send(self) -> None:
        # If the server closes the connection, `hurry` finds no status line, and the test fails there.
        with suppress(OSError):
            while not self._hurry.wait(0.2):
                self._connection.sendall(self._rest[:LITTLE])
                self._rest = self._rest[LITTLE:]
            self._connection.sendall(self._rest)

    def close(self) -> None:
        """Close the connection, whether or not the upload has finished."""
        self._connection.close()

    def hurry(self) -> str:
        """Send the rest and return the status line of the response."""
        self._hurry.set()
        self._sender.join(60)
        self._connection.settimeout(120)
        return self._connection.recv(65_536).decode().splitlines()[0]


class Reader:
    """Requests the public videos, with a new connection each time; in `answers`, 0 means no response."""

    def __init__(self, machine: Machine) -> None:
        self.answers: list[int] = []
        self._machine = machine

    @contextmanager
    def reading(self) -> Iterator[None]:
        over = threading.Event()

        def read() -> None:
            while not over.wait(0.1):
                self.answers.append(status_of(self._machine, "/api/public/videos") or 0)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(30)


@pytest.fixture
def web(aws_site: Site, baked: tuple[Machine, str], bundle: Bundle) -> Iterator[Machine]:
    """A web machine that is in service, in an Auto Scaling group with a termination lifecycle hook."""
    with aws_site.launch("web", bundle, image=baked[1]) as machine:
        assert machine.wait_for_report() == "ready", machine.log()
        join_group(aws_site, machine)
        machine.identity.target_lifecycle_state = "InService"
        yield machine


@pytest.fixture
def visited(web: Machine, aws_site: Site) -> Iterator[VisitedSite]:
    with visiting(web, aws_site) as site:
        yield site


def join_group(site: Site, machine: Machine) -> None:
    groups = site.cloud.client("autoscaling")
    sizes = {"MinSize": 0, "MaxSize": 1, "DesiredCapacity": 0}
    groups.create_auto_scaling_group(
        AutoScalingGroupName=GROUP, InstanceId=machine.instance_id, AvailabilityZones=["us-east-1a"], **sizes
    )
    groups.put_lifecycle_hook(
        LifecycleHookName=f"{GROUP}-drain",
        AutoScalingGroupName=GROUP,
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=300,
    )
    groups.attach_instances(InstanceIds=[machine.instance_id], AutoScalingGroupName=GROUP)


def state_of(site: Site, machine: Machine) -> str:
    """Return the instance's state in EC2, which is `terminated` once the lifecycle action is complete."""
    answer: Any = site.cloud.client("ec2").describe_instances(InstanceIds=[machine.instance_id])
    return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


def test_a_web_machine_leaves_in_order_and_loses_no_request(
    web: Machine, visited: VisitedSite, aws_site: Site, small_clip: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "slow.mp4"
    clip.write_bytes(small_clip.read_bytes())
    reader, player = Reader(web), visited.sign_up()
    with closing(SlowUpload(player, web, pad_to_size(clip, CLIP_BYTES))) as upload, reader.reading():
        wait_until(lambda: 200 in reader.answers, what="an answer")
        web.identity.target_lifecycle_state = "Terminated"
        time.sleep(SETTLE_SECONDS + 10)
        assert status_of(web, "/ready") == 200, "the machine serves for as long as the upload takes"
        assert state_of(aws_site, web) == "running", "the hook waits for what is under way"
        assert upload.hurry() == "HTTP/1.1 201 Created"
        # No request is in progress any more, so the watch completes the drain long before its time limit.
        wait_until(lambda: reader.answers[-1] == 0, what="the end of Nginx", seconds=60)
        wait_until(lambda: state_of(aws_site, web) == "terminated", what="the hook's completion", seconds=200)
    answered = reader.answers[: reader.answers.index(0)]
    assert set(answered) == {200}
    assert set(reader.answers[len(answered) :]) == {0}
    assert_order(
        web.host.output("journalctl --boot --no-pager --output cat"),
        '"event": "machine_leaves"',
        "Stopping nginx.service",
        "Stopped nginx.service",
        "Stopping rising-stars-api@1.service",
        "Stopped rising-stars-api@1.service",
        '"event": "machine_left"',
        '"event": "lifecycle_completed"',
    )


def assert_order(journal: str, *lines: str) -> None:
    """Assert that the journal has all lines, in this order."""
    places = [journal.rfind(line) for line in lines]
    assert -1 not in places, [line for line, place in zip(lines, places, strict=True) if place == -1]
    assert places == sorted(places), journal[min(places) :]
