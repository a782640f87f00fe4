"""Calculate how many machines a contest day needs from measured service times, and write docs/capacity.md's tables."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.queueing import servers_needed
from testing.figures import FOLDER

PAGE = Path(__file__).parents[1] / "docs" / "capacity.md"
SIZES = (10_000, 1_000_000, 100_000_000)
"""Visitors of a contest day."""

# What visitors do: assumptions, because no contest has run yet.
BUSIEST_HOUR = 0.2
"""The share of the day's visitors who come in the busiest hour."""
PEAK = 3
"""How many times the mean of that hour the busiest second has."""
PAGES = 5
"""Page views of a visitor."""
REQUESTS_PER_PAGE = 1
"""Requests of a page view that are the same for every visitor: the page."""
FRAGMENTS_PER_PAGE = 2
"""Personal parts of a page (the account; the vote or the player's place), which no cache keeps."""
CACHED = 0.9
"""The share of requests for pages that Nginx answers from its cache."""
REACHING_THE_API = REQUESTS_PER_PAGE * (1 - CACHED) + FRAGMENTS_PER_PAGE
"""Requests of a page view that the API answers."""
SIGNING_IN = 0.25
VOTES_OF_A_VOTER = 3
UPLOADING = 0.001

# How full machines may be.
UTILIZATION = 0.5
"""At a utilization of a half, the part of the latency that depends on the load is twice that of an idle machine."""
WORKER_UTILIZATION = 0.8
VCPUS = 2
"""vCPUs of the machines that were measured, of t3.small and of c6i.large."""

# Prices in USD, and sizes in GB, from docs/costs.md.
MACHINE_HOUR = 0.085
STORAGE_GB_MONTH = 0.023
TRANSFER_GB = 0.09
ORIGINAL_GB, RESULT_GB = 0.06, 0.02
PAGE_GB = 10e-6
"""What a page view transfers, compressed and without posters and clips: the page and its two personal parts."""

MILLION = 1_000_000
HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True)
class Service:
    """The measured processor seconds of each kind of request, and the rates of the database alone."""

    read: float
    vote: float
    sign_in: float
    upload: float
    render: float
    """Seconds in which a machine renders a clip of 30 s."""
    commits_per_second: float
    reads_per_second: float

    @classmethod
    def measured(cls) -> "Service":
        """Read the newest results."""
        reads, writes, sign_ins, upload, render = map(_read_results, ("reads", "writes", "signins", "upload", "render"))
        kinds = ("ranking", "list_20_by_votes", "one_video")
        return cls(
            read=sum(reads[f"large_{kind}_cpu_us"] for kind in kinds) / len(kinds) / MILLION,
            vote=writes["many_videos_cpu_us"] / MILLION,
            sign_in=sign_ins["sign_in_cpu_ms"] / 1000,
            # All cores were busy for as long as the uploads took.
            upload=upload["seconds"] * VCPUS / upload["uploads_at_once"],
            render=render["wall_seconds_median"]["our render job"],
            commits_per_second=writes["many_videos_sql_alone_per_second"],
            reads_per_second=min(reads[f"large_{kind}_sql_alone_per_second"] for kind in kinds),
        )


@dataclass(frozen=True)
class Day:
    """The load of a contest day, and the machines that it needs."""

    visitors: int
    service: Service

    @property
    def arrivals(self) -> float:
        """Visitors in the busiest second."""
        return self.visitors * BUSIEST_HOUR / HOUR * PEAK

    @property
    def page_views(self) -> float:
        """Page views in the busiest second."""
        return self.arrivals * PAGES

    @property
    def reads(self) -> float:
        """Requests for pages and their parts in the busiest second that Nginx does not answer itself."""
        return self.page_views * REACHING_THE_API

    @property
    def sign_ins(self) -> float:
        """Sign-ins in the busiest second."""
        return self.arrivals * SIGNING_IN

    @property
    def votes(self) -> float:
        """Votes in the busiest second."""
        return self.sign_ins * VOTES_OF_A_VOTER

    @property
    def clips(self) -> float:
        """Clips uploaded on the day."""
        return self.visitors * UPLOADING

    @cached_property
    def web_machines(self) -> int:
        """Web machines with two vCPUs."""
        service = self.service
        busy = self.reads * service.read + self.votes * service.vote + self.sign_ins * service.sign_in
        busy += self.arrivals * UPLOADING * service.upload
        return servers_needed(busy / VCPUS, 1, utilization=UTILIZATION)

    @property
    def database_vcpus(self) -> int:
        """vCPUs of the database, if its throughput grows with them. A sign-in commits one session."""
        service = self.service
        share = (self.votes + self.sign_ins) / service.commits_per_second + self.reads / service.reads_per_second
        return VCPUS * servers_needed(share, 1, utilization=UTILIZATION)

    @property
    def workers(self) -> int:
        """Workers that render the day's clips within the day."""
        return servers_needed(self.clips / DAY, self.service.render, utilization=WORKER_UTILIZATION)


ROWS: tuple[tuple[str, Callable[[Day], float]], ...] = (
    ("Visitors in the busiest second", lambda day: day.arrivals),
    ("Page views in the busiest second", lambda day: day.page_views),
    ("Requests for pages and their parts that reach the API, a second", lambda day: day.reads),
    ("Sign-ins a second", lambda day: day.sign_ins),
    ("Votes a second", lambda day: day.votes),
    ("Clips uploaded on the day", lambda day: day.clips),
    ("**Web machines** with 2 vCPUs, half busy", lambda day: day.web_machines),
    ("**vCPUs of the database**, half busy", lambda day: day.database_vcpus),
    ("**Workers** with 2 vCPUs, 80 % busy", lambda day: day.workers),
    ("Web machines and workers for the day, USD", lambda day: (day.web_machines + day.workers) * 24 * MACHINE_HOUR),
)


def machine_table(service: Service) -> str:
    """Return the table of loads and machines."""
    days = [Day(visitors, service) for visitors in SIZES]
    head = ["Visitors of the day", *(f"{day.visitors:,}" for day in days)]
    return _table([head, *([label, *(_rounded(value(day)) for day in days)] for label, value in ROWS)])


def cost_table(service: Service) -> str:
    """Return the table of costs of clips and page views."""
    render = 1000 * service.render / HOUR * MACHINE_HOUR
    storage = 1000 * (ORIGINAL_GB + RESULT_GB) * STORAGE_GB_MONTH
    busy = MILLION * REACHING_THE_API * service.read
    machines = busy / UTILIZATION / VCPUS / HOUR * MACHINE_HOUR
    rows = [
        ["What", "USD", "Calculation"],
        [
            "Render 1,000 clips",
            f"{render:.2f}",
            f"{service.render:.1f} s each on a c6i.large, at {MACHINE_HOUR} an hour",
        ],
        [
            "Store 1,000 clips for a month",
            f"{storage:.2f}",
            f"originals of 60 MB and results of 20 MB, at {STORAGE_GB_MONTH} a GB",
        ],
        [
            "Machines for a million page views",
            f"{machines:.3f}",
            f"{busy:,.0f} s of processor time, half busy, at {MACHINE_HOUR} an hour for two vCPUs",
        ],
        [
            "Transfer of the pages",
            f"{MILLION * PAGE_GB * TRANSFER_GB:.2f}",
            f"10 KB a page view, at {TRANSFER_GB} a GB",
        ],
        [
            "Transfer of a million clips watched",
            f"{MILLION * RESULT_GB * TRANSFER_GB:,.2f}",
            f"20 MB each, at {TRANSFER_GB} a GB, without a CDN",
        ],
    ]
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|---|{'---:|' * (len(rows[0]) - 1)}", *body])


def _rounded(value: float) -> str:
    """Return a number with at most two significant digits, or a whole number below 100 if it is one."""
    digits = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, max(0, digits)):,g}" if value < 100 else f"{round(value, digits):,.0f}"


def model_table(figures: Mapping[str, float]) -> str:
    """Return the table that compares the model of a process with its measurement."""
    loads = sorted(int(found[1]) for name in figures if (found := re.fullmatch(r"load_(\d+)_model_mean_ms", name)))
    rows = [
        [
            f"{load} %",
            *(f"{figures[f'load_{load}_{name}_ms']:.1f} ms" for name in ("mean", "model_mean", "p99")),
        ]
        for load in loads
    ]
    return _table([["Load", "Measured mean", "Modelled mean", "Measured p99"], *rows])


def with_tables(text: str) -> str:
    """Return docs/capacity.md with the tables that follow from the newest results.

    Raises:
        ValueError: the page has no place for a table.
    """
    service, capacity = Service.measured(), _read_results("capacity")
    tables = {"machines": machine_table(service), "costs": cost_table(service), "model": model_table(capacity)}
    for name, table in tables.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if begin not in text or end not in text:
            raise ValueError(f"docs/capacity.md has no lines {begin.strip()} and {end}.")
        text = f"{text.partition(begin)[0]}{begin}{table}\n{end}{text.partition(end)[2]}"
    return text


def write_tables() -> None:
    """Write the tables of docs/capacity.md from the newest results."""
    PAGE.write_text(with_tables(PAGE.read_text()))


def _read_results(name: str) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return results
