"""Measure the API's reads: requests per second, processor time and latency, and their ratios to `/health`.

One API process with 16 threads serves PostgreSQL's data to 16 connections. It writes its request lines to a file. The
same SQL runs alone, prepared and on one connection, on the same server. The ratio of processor times is more stable
than the ratio of throughputs, because the client and the database share the machine's cores with the API.
"""

import random
from collections.abc import Iterator

from benchmarks.contest import CITIES, OWN_CLIPS, Contest, running_contest, video_id
from benchmarks.load import Load, get
from testing.figures import keep

SIZES = {"small": (1_000, 100_000), "large": (50_000, 1_000_000)}
"""Name → clips and votes of a contest."""
P99 = 99


def main() -> None:
    """Measure both contests and write the figures."""
    figures: dict[str, object] = {}
    for size, (videos, votes) in SIZES.items():
        with running_contest(videos=videos, votes=votes) as contest:
            for name, value in _measure(contest):
                figures[f"{size}_{name}"] = value
    keep("reads", {**figures, **_growth(figures)})


def scenarios(contest: Contest) -> dict[str, list[bytes]]:
    """Return the requests of each scenario."""
    draw = random.Random(1)  # noqa: S311 (not for secrets)
    videos = [draw.randrange(contest.videos) for _ in range(500)]
    (token,) = contest.tokens([3])
    return {
        "ranking": [get("/api/public/rankings?limit=20")],
        "ranking_of_city": [get(f"/api/public/rankings?limit=20&city=City%20{n}") for n in range(CITIES)],
        "list_20": [get("/api/public/videos?limit=20")],
        "list_20_by_votes": [get("/api/public/videos?limit=20&order=votes")],
        "list_20_of_city": [get(f"/api/public/videos?limit=20&city=City%20{n}") for n in range(CITIES)],
        "list_100": [get("/api/public/videos?limit=100")],
        "one_video": [get(f"/api/public/videos/{video_id(n)}") for n in videos],
        f"own_list_{OWN_CLIPS}": [get("/api/videos", token)],
    }


def _measure(contest: Contest) -> Iterator[tuple[str, object]]:
    health = contest.read([get("/health")])
    yield from _figures("health", health)
    for name, requests in scenarios(contest).items():
        sql = contest.statements_of(requests[0])
        contest.read(requests, seconds=0.5)
        load = contest.read(requests)
        alone = contest.transactions_per_second(";\n".join([*sql, ""]), clients=1)
        yield from _figures(name, load)
        yield f"{name}_per_health", round(load.per_second / health.per_second, 2)
        yield f"{name}_cpu_of_health_per_cpu", round(health.cpu_us / load.cpu_us, 2)
        yield f"{name}_sql_alone_per_second", round(alone)
        yield f"{name}_statements", len(sql)


def _figures(name: str, load: Load) -> Iterator[tuple[str, object]]:
    yield f"{name}_per_second", round(load.per_second)
    yield f"{name}_p99_ms", round(load.percentile_ms(P99), 1)
    yield f"{name}_cpu_us", round(load.cpu_us)


def _growth(figures: dict[str, object]) -> dict[str, object]:
    """Return, for each scenario, the throughput of the large contest divided by that of the small one."""
    return {
        f"large_per_small_{name}": round(float(str(figures[f"large_{name}"])) / float(str(value)), 2)
        for small, value in figures.items()
        if small.startswith("small_") and (name := small.removeprefix("small_")).endswith("_per_second")
    }
