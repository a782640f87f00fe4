"""Scenario 10: after a destruction with purge, no AWS resource and no machine remains."""

import os
from unittest import mock

from rehearsal.aws.leftovers import leftovers
from rehearsal.hosts.podman import podman
from rehearsal.operator.whole_site import ENVIRONMENT
from rehearsal.plane import NETWORK
from rehearsal.site import Rehearsal


def play(site: Rehearsal) -> dict[str, object]:
    """Destroy the site with purge, and check that no resource and no machine remains."""
    run = site.operator.succeed("destroy_infrastructure", confirm=ENVIRONMENT, purge="true")
    with mock.patch.dict(os.environ, site.operator.aws.env):
        assert leftovers(ENVIRONMENT) == []
    site.wait(lambda: machines() == [], what="the end of the last machine", seconds=300)
    return {"destroy_seconds": round(run.seconds)}


def machines() -> list[str]:
    """Return the names of the machines' running containers."""
    names = podman("ps", "--format", "{{.Names}}").splitlines()
    return [name for name in names if name.startswith(f"{NETWORK}-i-")]
