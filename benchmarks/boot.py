"""How long a machine takes from its start until a balancer would send it requests: baked, and from Debian's own image.

Machines are those of the tests: Debian 12 with systemd in containers, booted by cloud-init from their user data alone,
against a PostgreSQL with TLS and an AWS of tests, all on this machine. Needs root and Podman.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.parts import wait_until_ready
from benchmarks.results import keep
from tests.hosts.boots import Machine, Site, baked_image
from tests.hosts.bundles import Bundle, bundle_of_working_tree
from tests.hosts.metadata import MetadataService
from tests.hosts.network import Network
from tests.hosts.podman import remove_leftovers, what_is_missing
from tests.hosts.services import running_cloud, running_database

BAKED_BOOTS = 3
BAKED_AIM, UNBAKED_AIM = 15, 120
BUNDLE_AIM_MB = 60
MB = 1_000_000


def main() -> None:
    """Boot, measure, and keep the figures; where machines cannot run, say why."""
    if missing := what_is_missing():
        sys.stderr.write(f"boot is not measured. {missing}\n")
        return
    bundle = bundle_of_working_tree()
    with _site() as site:
        site.publish(bundle)
        unbaked = _seconds_to_ready(site.launch("web", bundle))
        with baked_image(site, bundle) as (_, image):
            launch = partial(site.launch, "web", bundle, image=image)
            baked = [_seconds_to_ready(launch()) for _ in range(BAKED_BOOTS)]
    keep("boot", _figures(bundle, unbaked, baked))


@contextmanager
def _site() -> Iterator[Site]:
    """All that machines ask for when they boot."""
    remove_leftovers()
    with ExitStack() as running:
        network = running.enter_context(Network())
        metadata = running.enter_context(MetadataService(network))
        cloud = running.enter_context(running_cloud(network))
        yield Site(network, metadata, cloud, running.enter_context(running_database(network)))


def _seconds_to_ready(machine: Machine) -> float:
    """From the moment it is switched on until /ready is 200 through its Nginx; it is gone afterwards."""
    began = time.perf_counter()
    with machine:
        wait_until_ready(machine.url, seconds=600)
        return time.perf_counter() - began


def _figures(bundle: Bundle, unbaked: float, baked: list[float]) -> dict[str, object]:
    return {
        "baked_seconds_to_ready": round(statistics.median(baked), 1),
        "baked_seconds_to_ready_each": [round(seconds, 1) for seconds in baked],
        "baked_aim_seconds": BAKED_AIM,
        "unbaked_seconds_to_ready": round(unbaked, 1),
        "unbaked_aim_seconds": UNBAKED_AIM,
        "bundle_mb": round(bundle.path.stat().st_size / MB, 1),
        "bundle_aim_mb": BUNDLE_AIM_MB,
    }
