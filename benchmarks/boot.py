"""Measure the time from a machine's start until its /ready returns 200, for a baked image and Debian's stock image.

Also measure the time of a second run of the playbook on a running machine. That run must change nothing.

The machines are test hosts: containers with Debian 12 and systemd, which cloud-init configures from their user data.
They use PostgreSQL over TLS and mock AWS, which the benchmark starts. The benchmark needs root and Podman.
"""

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.parts import wait_until_ready
from rehearsal.aws.server import running_mock_aws
from rehearsal.hosts.boots import Machine, Site, baked_image
from rehearsal.hosts.bundles import Bundle, bundle_of_working_tree
from rehearsal.hosts.metadata import MetadataService
from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import find_obstacle, remove_leftovers
from rehearsal.hosts.services import running_database
from rehearsal.hosts.site_settings import PARAMETERS, REGION
from testing.figures import keep

BAKED_BOOTS = 3
BAKED_AIM, UNBAKED_AIM, SECOND_RUN_AIM = 15, 120, 20
BUNDLE_AIM_MB = 60
MB = 1_000_000


def main() -> None:
    """Boot machines, measure, and write the figures; if hosts cannot run here, print why."""
    if obstacle := find_obstacle():
        sys.stderr.write(f"boot is not measured. {obstacle}\n")
        return
    bundle = bundle_of_working_tree()
    with _site() as site:
        site.publish(bundle)
        web = site.launch("web", bundle)
        with _ready(web) as unbaked:
            again = {"web": _seconds_of_second_run(web, "web", bundle, site)}
        with site.launch("worker", bundle, address=site.queue_address) as machine:
            again["worker"] = _seconds_of_second_run(machine, "worker", bundle, site)
        with baked_image(site, bundle) as (_, image):
            launch = partial(site.launch, "web", bundle, image=image)
            baked = []
            for _ in range(BAKED_BOOTS):
                with _ready(launch()) as seconds:
                    baked.append(seconds)
    keep("boot", {**_figures(bundle, unbaked, baked), **_figures_of_second_runs(again)})


@contextmanager
def _site() -> Iterator[Site]:
    """Run the services that machines depend on when they boot."""
    remove_leftovers()
    with ExitStack() as running:
        network = running.enter_context(Network())
        metadata = running.enter_context(MetadataService(network))
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="rising-stars-aws-"))
        cloud = running.enter_context(running_mock_aws(Path(folder), host=network.bridge))
        yield Site(network, metadata, cloud, running.enter_context(running_database(network)))


@contextmanager
def _ready(machine: Machine) -> Iterator[float]:
    """Run a machine until the `with` block ends; yield the seconds until /ready returned 200 through its Nginx."""
    began = time.perf_counter()
    with machine:
        wait_until_ready(machine.url, seconds=600)
        yield time.perf_counter() - began


def _seconds_of_second_run(machine: Machine, kind: str, bundle: Bundle, site: Site) -> float:
    """After the boot, run the user data's command again and return its duration. This run must change nothing."""
    if (status := machine.wait_for_report()) != "ready":
        raise RuntimeError(f"The {kind} did not boot: {status}")
    words = f"release/become {kind} --parameters {PARAMETERS} --region {REGION} --endpoint-url {site.cloud.endpoint}"
    began = time.perf_counter()
    output = machine.host.output(f"cd /opt/rising-stars/bundles/{bundle.sha256[:12]} && {words}")
    seconds = time.perf_counter() - began
    if not re.search(r"changed=0 .*failed=0", output):
        raise RuntimeError(f"The second run on the {kind} changed something:\n{output[-6000:]}")
    return seconds


def _figures_of_second_runs(seconds: dict[str, float]) -> dict[str, object]:
    measured = {f"second_run_seconds_{kind}": round(each, 1) for kind, each in seconds.items()}
    return {**measured, "second_run_aim_seconds": SECOND_RUN_AIM}


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
