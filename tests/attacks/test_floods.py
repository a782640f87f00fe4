"""Floods of public reads from one address, and a venue whose many visitors share an address."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from testing.answers import refusal
from testing.homes import Home
from tests.attacks.edge import Edge, running_edge

pytestmark = pytest.mark.either_backend

READS = ("/api/public/rankings", "/api/public/videos", "/api/public/videos/6f1c5a52-0000-4000-8000-000000000000")
ATTACKER, VISITOR = {"X-Forwarded-For": "203.0.113.20"}, {"X-Forwarded-For": "203.0.113.21"}
SLOW = {"host_proxy_reads_per_second": 2, "host_proxy_reads_burst": 10}


@pytest.fixture(scope="module")
def strict_edge(deployed_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(deployed_home, tmp_path_factory.mktemp("strict"), SLOW) as running:
        yield running


@pytest.mark.parametrize("path", READS)
def test_a_flood_of_reads_is_refused_in_json_and_costs_the_api_nothing(strict_edge: Edge, path: str) -> None:
    strict_edge.site.api.get(path, headers=VISITOR)
    before = answered(strict_edge)
    # The query strings differ, so that Nginx's cache holds no response to these requests.
    flood = [strict_edge.site.api.get(f"{path}?n={n}", headers=ATTACKER) for n in range(60)]
    refused = [answer for answer in flood if answer.status_code == 429]
    assert len(refused) > 30
    assert refusal(refused[0], 429) == "Too many requests; try again in 5 s."
    assert refused[0].headers["Retry-After"] == "5"
    assert answered(strict_edge) - before <= len(flood) - len(refused)
    assert strict_edge.site.api.get(f"{path}?n=0", headers=VISITOR).status_code in {200, 404}


def answered(edge: Edge) -> float:
    """Return how many public requests have reached the API."""
    text = edge.direct.api.get("/metrics").text
    counts = re.findall(r"^rising_stars_requests_total\{.*/api/public.*\} (\S+)$", text, re.MULTILINE)
    return sum(map(float, counts))


def test_all_visitors_of_a_venue_behind_one_address_may_open_the_page_at_the_same_time(edge: Edge) -> None:
    def open_page(_: int) -> list[int]:
        with httpx.Client(base_url=edge.site.url, timeout=60, trust_env=False, headers=ATTACKER) as phone:
            return [phone.get(path).status_code for path in READS[:2] * 5]

    with ThreadPoolExecutor(16) as venue:
        answers = Counter(status for page in venue.map(open_page, range(100)) for status in page)
    assert answers == {200: 1000}
