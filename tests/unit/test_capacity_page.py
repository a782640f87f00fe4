"""docs/capacity.md shows what follows from the newest results and from the prices in docs/costs.md."""

from pathlib import Path

import pytest

from benchmarks import plan
from benchmarks.plan import Day, Service, with_tables

DOCS = Path(__file__).parents[2] / "docs"
SERVICE = Service(
    read=0.001, vote=0.002, sign_in=0.05, upload=0.3, render=30, commits_per_second=1000, reads_per_second=3000
)


def test_the_tables_follow_from_the_newest_results() -> None:
    page = (DOCS / "capacity.md").read_text()
    assert with_tables(page) == page


def test_a_page_without_a_place_for_a_table_is_rejected() -> None:
    with pytest.raises(ValueError, match="machines: begin"):
        with_tables("# Capacity\n")


@pytest.mark.parametrize(
    ("row", "price"),
    [
        ("Worker, with Redis", plan.MACHINE_HOUR),
        ("Clips watched, from S3", plan.TRANSFER_GB),
        ("Clips stored", plan.STORAGE_GB_MONTH),
    ],
)
def test_the_prices_are_those_of_the_costs_page(row: str, price: float) -> None:
    (line,) = [line for line in (DOCS / "costs.md").read_text().splitlines() if line.startswith(f"| {row}")]
    assert f"{price:g} a" in line


def test_a_day_of_ten_thousand_visitors_needs_one_machine_of_each_kind() -> None:
    day = Day(10_000, SERVICE)
    assert (day.web_machines, day.database_vcpus, day.workers) == (1, 2, 1)


def test_the_machines_of_a_large_day_follow_from_the_service_times() -> None:
    day = Day(36_000_000, SERVICE)
    assert day.arrivals == pytest.approx(6000)
    # 63,000 reads of 1 ms, 4500 votes of 2 ms, 1500 sign-ins of 50 ms and 6 uploads of 0.3 s: 148.8 busy vCPUs.
    assert day.web_machines == 149
    # 6000 commits are six times, and 63,000 reads are 21 times, what two vCPUs can do.
    assert day.database_vcpus == 108
    assert day.workers == 16
