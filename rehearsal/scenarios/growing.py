"""Scenario 3: read requests make the web group grow from 1 to 3 hosts and shrink again; no request may fail."""

from rehearsal.people import Traffic, reading
from rehearsal.scenarios.lost_web_host import healthy
from rehearsal.site import Rehearsal

GROW_SECONDS = 600
SHRINK_SECONDS = 900
LARGEST = 3


def play(site: Rehearsal) -> dict[str, object]:
    """Send more requests than the scaling target allows for two hosts, and afterwards only a few."""
    with Traffic(site, reading(1, per_second=2)) as quiet:
        with Traffic(site, reading(4, per_second=30)) as crowd:
            grown = site.wait(lambda: healthy(site) == LARGEST, what="the group to grow", seconds=GROW_SECONDS)
        shrunk = site.wait(lambda: len(site.instances("web")) == 1, what="the group to shrink", seconds=SHRINK_SECONDS)
    assert crowd.failures == quiet.failures == {}, (crowd.outcomes, quiet.outcomes)
    return {"requests": crowd.total + quiet.total, "grown_after_seconds": grown, "shrunk_after_seconds": shrunk}
