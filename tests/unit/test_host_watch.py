"""How a machine learns that it will be terminated, and how it stops its services."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.host.errors import HostError, Unreachable
from app.host.metadata import Metadata
from app.host.watch import Leaving, Watch
from app.host.watch import systemctl as find_systemctl
from tests.machines import MetadataService, Systemctl, wait_for

TO_GO = {"meta-data/autoscaling/target-lifecycle-state": "Terminated"}
SPOT = {"meta-data/spot/instance-action": '{"action": "terminate", "time": "2026-11-24T08:00:00Z"}'}
STOPPED = "stop rising-stars-worker.service rising-stars-upkeep.service"
UNITS = ("rising-stars-worker.service", "rising-stars-upkeep.service")


class Group:
    """A fake Auto Scaling group that records heartbeats and the completion of the lifecycle action."""

    def __init__(self) -> None:
        self.beats = 0
        self.completed_at: float | None = None

    def beat(self) -> None:
        self.beats += 1

    def complete(self) -> bool:
        self.completed_at = time.monotonic()
        return True


@contextmanager
def watching(service: MetadataService, group: Group | None, leaving: Leaving) -> Iterator[threading.Thread]:
    watch = Watch(Metadata(service.url), group, leaving, interval_seconds=0.05)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        yield thread
    finally:
        watch.stop()
        thread.join(10)
        assert not thread.is_alive()


def ended(thread: threading.Thread) -> Callable[[], bool]:
    return lambda: not thread.is_alive()


def test_a_machine_that_stays_in_service_stops_nothing(metadata: MetadataService, systemctl: Systemctl) -> None:
    metadata.values["meta-data/autoscaling/target-lifecycle-state"] = "InService"
    with watching(metadata, group := Group(), Leaving(UNITS)) as thread:
        time.sleep(0.4)
        assert thread.is_alive()
    assert (systemctl.asked, group.completed_at) == ([], None)


def test_a_termination_stops_the_units_and_then_completes_the_hook(
    metadata: MetadataService, systemctl: Systemctl
) -> None:
    systemctl.install(seconds=1)
    with watching(metadata, group := Group(), Leaving(UNITS, heartbeat_seconds=0.3)) as thread:
        wished_at = time.monotonic()
        metadata.values |= TO_GO
        wait_for(ended(thread), "the watch's end")
    assert systemctl.asked == [STOPPED]
    assert group.completed_at is not None
    assert group.completed_at - wished_at >= 1, "the units had not stopped yet"
    assert group.beats >= 2, "a long stop sends heartbeats to the group"


def test_the_hook_is_completed_even_if_units_fail_to_stop(metadata: MetadataService, systemctl: Systemctl) -> None:
    systemctl.install(code=1)
    metadata.values |= TO_GO
    with watching(metadata, group := Group(), Leaving(UNITS)) as thread:
        wait_for(ended(thread), "the watch's end")
    assert group.completed_at is not None


@dataclass
class Proxy:
    """A fake Nginx with a number of requests in progress; None if it does not report the number."""

    requests: int | None

    def count(self) -> int | None:
        return self.requests


def web_machine(drain_file: Path, proxy: Proxy, *, settle_seconds: float = 0, drain_seconds: float = 60) -> Leaving:
    return Leaving(
        UNITS,
        drain_file,
        requests_in_progress=proxy.count,
        settle_seconds=settle_seconds,
        drain_seconds=drain_seconds,
        interrupted_seconds=60,
        heartbeat_seconds=0.2,
    )


def test_a_web_machine_serves_until_its_last_request_is_finished_then_fails_ready_then_stops(
    metadata: MetadataService, systemctl: Systemctl, tmp_path: Path
) -> None:
    drain_file = tmp_path / "draining"
    systemctl.install(look_at=drain_file)
    metadata.values |= TO_GO
    with watching(metadata, group := Group(), web_machine(drain_file, proxy := Proxy(2))) as thread:
        time.sleep(1.5)
        assert (drain_file.exists(), systemctl.asked) == (False, [])
        proxy.requests = 0
        wait_for(ended(thread), "the watch's end")
    assert systemctl.asked == [f"draining {STOPPED}"]
    assert group.beats >= 2


def test_an_idle_web_machine_leaves_once_the_balancer_has_stopped_sending_not_after_the_whole_drain(
    metadata: MetadataService, systemctl: Systemctl, tmp_path: Path
) -> None:
    metadata.values |= TO_GO
    began = time.monotonic()
    leaving = web_machine(tmp_path / "draining", Proxy(0), settle_seconds=1)
    with watching(metadata, group := Group(), leaving) as thread:
        wait_for(ended(thread), "the watch's end")
    assert group.completed_at is not None
    assert 1 <= group.completed_at - began < 10
    assert systemctl.asked == [STOPPED]


@pytest.mark.parametrize("requests", [1, None], ids=["endless request", "unknown number"])
def test_a_web_machine_leaves_at_the_end_of_the_drain_in_any_case(
    requests: int | None, metadata: MetadataService, systemctl: Systemctl, tmp_path: Path
) -> None:
    metadata.values |= TO_GO
    began = time.monotonic()
    leaving = web_machine(tmp_path / "draining", Proxy(requests), drain_seconds=1)
    with watching(metadata, group := Group(), leaving) as thread:
        wait_for(ended(thread), "the watch's end")
    assert group.completed_at is not None
    assert group.completed_at - began >= 1
    assert systemctl.asked == [STOPPED]


def test_a_spot_notice_fails_ready_at_once_and_stops_units_after_the_balancer_has_noticed(
    metadata: MetadataService, systemctl: Systemctl, tmp_path: Path
) -> None:
    drain_file = tmp_path / "draining"
    metadata.values |= SPOT
    leaving = Leaving(UNITS, drain_file, settle_seconds=60, drain_seconds=60, interrupted_seconds=0.6)
    with watching(metadata, group := Group(), leaving) as thread:
        wait_for(drain_file.exists, "failing /ready")
        assert systemctl.asked == []
        wait_for(lambda: systemctl.asked == [STOPPED], "the stop")
        time.sleep(0.3)
        assert systemctl.asked == [STOPPED], "once is enough"
        assert group.completed_at is None, "no lifecycle hook waits"
        metadata.values |= TO_GO
        wait_for(ended(thread), "the watch's end")
    assert systemctl.asked == [STOPPED]
    assert group.completed_at is not None


def test_a_metadata_service_that_fails_for_a_while_is_asked_again(
    metadata: MetadataService, systemctl: Systemctl
) -> None:
    metadata.failing = True
    metadata.values |= TO_GO
    with watching(metadata, Group(), Leaving(UNITS)) as thread:
        time.sleep(0.3)
        assert thread.is_alive()
        metadata.failing = False
        wait_for(ended(thread), "the watch's end")
    assert systemctl.asked == [STOPPED]


def test_a_machine_that_shuts_down_by_itself_does_not_wait_for_the_balancer(
    metadata: MetadataService, systemctl: Systemctl
) -> None:
    metadata.values |= TO_GO
    began = time.monotonic()
    with watching(metadata, Group(), Leaving(UNITS, requests_in_progress=Proxy(1).count, drain_seconds=60)):
        time.sleep(0.3)
    assert time.monotonic() - began < 5
    assert systemctl.asked == [STOPPED]


def test_a_token_that_expired_is_replaced(metadata: MetadataService) -> None:
    service = Metadata(metadata.url)
    assert service.instance_id() == "i-0123456789abcdef0"
    assert not service.is_to_terminate()
    assert len(metadata.tokens) == 1
    metadata.tokens.clear()
    assert service.region() == "us-east-1"
    assert len(metadata.tokens) == 1


def test_missing_metadata_and_a_failing_service_are_named_in_the_error(metadata: MetadataService) -> None:
    del metadata.values["meta-data/instance-id"]
    with pytest.raises(Unreachable, match="does not know meta-data/instance-id"):
        Metadata(metadata.url).instance_id()
    metadata.failing = True
    with pytest.raises(Unreachable, match="answered 503"):
        Metadata(metadata.url).region()
    with pytest.raises(Unreachable, match="does not answer"):
        Metadata("http://127.0.0.1:9").region()


def test_a_machine_without_systemd_gets_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="systemctl is missing"):
        find_systemctl()
