"""Scenario 10: destroyed with purge, nothing is left: not in AWS, and no machine."""

import os
from unittest import mock

from tests.aws.leftovers import leftovers
from tests.hosts.podman import podman
from tests.rehearsal.plane import NETWORK
from tests.rehearsal.rehearsal import Rehearsal
from tests.roles.whole_site import ENVIRONMENT


def play(site: Rehearsal) -> dict[str, object]:
    """Unbuild it all."""
    run = site.operator.succeed("destroy_infrastructure", confirm=ENVIRONMENT, purge="true")
    with mock.patch.dict(os.environ, site.operator.aws.env):
        assert leftovers(ENVIRONMENT) == []
    site.wait(lambda: machines() == [], what="the end of the last machine", seconds=300)
    return {"destroy_seconds": round(run.seconds)}


def machines() -> list[str]:
    """The containers that are machines."""
    names = podman("ps", "--format", "{{.Names}}").splitlines()
    return [name for name in names if name.startswith(f"{NETWORK}-i-")]
