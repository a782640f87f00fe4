"""The scenarios of the rehearsal, by number. Each is called with the running site and returns its figures.

Scenario 1 builds the site, and scenario 10 destroys it. Each other scenario starts and ends with a complete site.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rehearsal.scenarios import (
    backlog,
    build,
    destroy,
    failover,
    growing,
    lost_web_host,
    lost_worker,
    restoring,
    rolling,
    upload_to_vote,
)
from rehearsal.site import Rehearsal

Figures = dict[str, object]


@dataclass(frozen=True)
class Scenario:
    """A scenario's title and the function that runs it."""

    title: str
    play: Callable[[Rehearsal], Figures]


ALL: Mapping[int, Scenario] = {
    1: Scenario("built from nothing; a second run changes nothing, a plan shows no change", build.play),
    2: Scenario("a clip is uploaded, rendered and voted for through the load balancer", upload_to_vote.play),
    3: Scenario("load makes the web group grow from 1 to 3 machines, and shrink again", growing.play),
    4: Scenario("a web host is killed", lost_web_host.play),
    5: Scenario("the worker crashes; then it is terminated, and created again", lost_worker.play),
    6: Scenario("a release rolls, a broken one is rolled back, an earlier one is restored", rolling.play),
    7: Scenario("the database is unreachable for a minute", failover.play),
    8: Scenario("the backlog grows; extra workers start, and stop again", backlog.play),
    9: Scenario("the site is deleted with its clips, and restored", restoring.play),
    10: Scenario("destroyed with purge, no resource is left", destroy.play),
}
CORE = (1, 2, 4, 10)
