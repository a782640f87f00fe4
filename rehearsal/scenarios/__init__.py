"""What is rehearsed, by number. Each scenario is given the running site, and hands back its figures.

Scenario 1 builds the site, 10 takes it away; the others find it built, and leave it whole.
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
    whole_way,
)
from rehearsal.site import Rehearsal

Figures = dict[str, object]


@dataclass(frozen=True)
class Scenario:
    """One of them."""

    title: str
    play: Callable[[Rehearsal], Figures]


ALL: Mapping[int, Scenario] = {
    1: Scenario("built from nothing; a second run changes nothing; a plan shows nothing", build.play),
    2: Scenario("a clip goes the whole way through the load balancer", whole_way.play),
    3: Scenario("a crowd makes the web group grow from 1 to 3, and shrink again", growing.play),
    4: Scenario("a web host is killed", lost_web_host.play),
    5: Scenario("the worker crashes; then it is gone, and made anew", lost_worker.play),
    6: Scenario("a release rolls, a broken one is refused, an earlier one comes back", rolling.play),
    7: Scenario("the database is away for a minute", failover.play),
    8: Scenario("the backlog grows, extra workers come and go", backlog.play),
    9: Scenario("deleted with its clips, and restored", restoring.play),
    10: Scenario("destroyed with purge, nothing is left", destroy.play),
}
CORE = (1, 2, 4, 10)
