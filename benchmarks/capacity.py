"""Measure latency against load and cost against votes, compare the latency with the model, and plan for more visitors.

The load is a mix of the ranking, a list and one clip. It arrives at random times, as from independent visitors. The
utilization is the rate of arrivals divided by the process's greatest throughput in the same run.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean, median

from benchmarks.contest import Contest, running_contest, video_id
from benchmarks.load import Load, get, measure_load
from benchmarks.plot import Chart, Series, write_svg
from benchmarks.queueing import ApiProcess
from testing.figures import keep

VOTES = (1_000, 10_000, 100_000, 1_000_000)
VOTES_PER_VIDEO = 20
COSTS = {
    "ranking": get("/api/public/rankings?limit=20"),
    "list": get("/api/public/videos?limit=20&order=votes"),
}
LOADS = (30, 60, 80)
"""The utilizations, in percent, at which the model is compared with the measurement."""

CALIBRATION = 10
"""The utilization, in percent, at which a measurement calibrates the model."""

MEASURED = (CALIBRATION, *LOADS)
ROUNDS = 3
SECONDS = 3.0
CONNECTIONS = 64
"""Connections of the open load. More would occupy places in the API's queue that no real process has in this state."""

PLOT = Path(__file__).parents[1] / "docs" / "images" / "capacity.svg"


def main() -> None:
    """Measure, write the figures, and draw the plot of docs/capacity.md from them."""
    figures: dict[str, object] = {}
    for votes in VOTES:
        videos = votes // VOTES_PER_VIDEO
        with running_contest(videos=videos, votes=votes) as contest:
            figures |= _measure_costs(contest, votes)
            if votes == VOTES[-1]:
                figures |= _measure_latencies(contest)
    keep("capacity", figures)
    draw(figures)


def _measure_costs(contest: Contest, votes: int) -> dict[str, object]:
    """Measure the processor time of each request, and that of `/health` in the same minute for comparison."""
    costs = {"health": get("/health"), **COSTS}
    for request in costs.values():
        contest.read([request], seconds=0.5)
    loads = {name: contest.read([request], seconds=2) for name, request in costs.items()}
    return {f"{name}_{votes}_votes_cpu_us": round(load.cpu_us) for name, load in loads.items()}


def _measure_latencies(contest: Contest) -> dict[str, object]:
    """Measure each load in several rounds, relative to the round's own greatest throughput, and take the medians."""
    mix = [*COSTS.values(), get(f"/api/public/videos/{video_id(7)}")]
    rounds = [dict(_measure_round(contest, mix)) for _ in range(ROUNDS)]
    figures = {name: median(each[name] for each in rounds) for name in rounds[0]}
    process = _process(figures)
    for percent in LOADS:
        modelled = 1000 * process.mean_seconds(percent / 100)
        figures[f"load_{percent}_model_mean_ms"] = round(modelled, 2)
        figures[f"load_{percent}_measured_by_model"] = round(figures[f"load_{percent}_mean_ms"] / modelled, 2)
    return dict(figures)


def _measure_round(contest: Contest, mix: list[bytes]) -> Iterator[tuple[str, float]]:
    yield "health_per_second", round(contest.read([get("/health")], seconds=1).per_second)
    greatest = contest.read(mix, seconds=SECONDS).per_second
    yield "mix_per_second", round(greatest)
    for percent in MEASURED:
        load = _measure_open(contest, mix, greatest * percent / 100)
        yield f"load_{percent}_mean_ms", round(1000 * mean(load.latencies), 2)
        yield f"load_{percent}_p99_ms", round(load.percentile_ms(99), 2)


def _process(figures: Mapping[str, object]) -> ApiProcess:
    mean_seconds = _number(figures, f"load_{CALIBRATION}_mean_ms") / 1000
    return ApiProcess.calibrated(_number(figures, "mix_per_second"), mean_seconds, utilization=CALIBRATION / 100)


def _measure_open(contest: Contest, mix: list[bytes], per_second: float) -> Load:
    return measure_load(
        contest.url, mix, contest.server, connections=CONNECTIONS, seconds=SECONDS, per_second=per_second
    )


def draw(figures: Mapping[str, object]) -> None:
    """Draw the plot of docs/capacity.md."""
    write_svg(
        PLOT,
        [
            Chart(
                f"Mean latency (one process, at most {figures['mix_per_second']} requests/s)",
                "load, percent of the greatest throughput",
                "ms",
                [
                    Series("measured", [(load, _number(figures, f"load_{load}_mean_ms")) for load in MEASURED]),
                    Series("model", list(_modelled(figures)), is_dashed=True),
                ],
            ),
            Chart(
                "Processor time of a request",
                "votes in the contest",
                "µs",
                [
                    Series(name, [(votes, _number(figures, f"{name}_{votes}_votes_cpu_us")) for votes in VOTES])
                    for name in ("ranking", "list", "health")
                ],
                is_x_logarithmic=True,
            ),
        ],
        description="Latency of the API against its load, and processor time of a request against the number of votes",
    )


def _modelled(figures: Mapping[str, object]) -> Iterator[tuple[float, float]]:
    process = _process(figures)
    for percent in range(0, LOADS[-1] + 6, 5):
        yield percent, 1000 * process.mean_seconds(percent / 100)


def _number(figures: Mapping[str, object], name: str) -> float:
    return float(str(figures[name]))
