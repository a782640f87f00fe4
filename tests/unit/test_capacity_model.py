"""The model of an API process agrees with a simulation, and the sizes of the plan follow from it."""

import heapq
import random

import pytest

from benchmarks.queueing import ApiProcess, servers_needed

SERVICE = 0.01


def simulate(utilization: float, *, requests: int = 60_000) -> float:
    """Return the mean response time of a server that divides its time equally among the requests in progress.

    Virtual time runs at 1/n of real time while n requests are in progress, so that a request ends once virtual time
    has advanced by its service time.
    """
    draw = random.Random(1)  # noqa: S311 (not for secrets)
    now = virtual = total = 0.0
    due, arrived = draw.expovariate(utilization / SERVICE), 0
    busy: list[tuple[float, float]] = []
    while arrived < requests or busy:
        ends = now + (busy[0][0] - virtual) * len(busy) if busy else float("inf")
        if arrived < requests and due <= ends:
            virtual += (due - now) / len(busy) if busy else 0
            now = due
            heapq.heappush(busy, (virtual + draw.choice((0.5, 1.5)) * SERVICE, now))
            due += draw.expovariate(utilization / SERVICE)
            arrived += 1
        else:
            virtual, began = heapq.heappop(busy)
            now = ends
            total += now - began
    return total / requests


@pytest.mark.parametrize("utilization", [0.3, 0.6, 0.8])
def test_the_model_agrees_with_a_simulation(utilization: float) -> None:
    process = ApiProcess(per_second=1 / SERVICE, unloaded_seconds=SERVICE)
    assert process.mean_seconds(utilization) == pytest.approx(simulate(utilization), rel=0.05)


def test_the_part_of_a_response_time_outside_the_process_does_not_grow_with_the_load() -> None:
    process = ApiProcess(per_second=1000, unloaded_seconds=0.003)
    assert process.mean_seconds(0) == pytest.approx(0.003)
    assert process.mean_seconds(0.5) == pytest.approx(0.004)


def test_a_measurement_at_a_low_load_calibrates_the_model() -> None:
    calibrated = ApiProcess.calibrated(1000, ApiProcess(1000, 0.003).mean_seconds(0.1), utilization=0.1)
    assert calibrated.unloaded_seconds == pytest.approx(0.003)


@pytest.mark.parametrize("utilization", [1.0, 1.5, -0.1])
def test_a_full_server_has_no_mean_response_time(utilization: float) -> None:
    with pytest.raises(ValueError, match="less than 1"):
        ApiProcess(1000, 0.001).mean_seconds(utilization)


@pytest.mark.parametrize(("arrivals", "servers"), [(0, 1), (40, 1), (51, 2), (1000, 20)])
def test_servers_stay_below_their_utilization(arrivals: float, servers: int) -> None:
    assert servers_needed(arrivals, SERVICE, utilization=0.5) == servers
