"""A short rehearsal: site.yml builds a site from nothing and verifies it with a clip; then the site is destroyed.

A new rehearsal must succeed even if a killed rehearsal has left its data plane running.
"""

import pytest

from rehearsal.hosts.podman import require_podman
from rehearsal.scenarios import build, destroy
from rehearsal.site import clean_up, rehearsal, start_plane, wait_for

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]


def test_a_site_is_built_used_and_destroyed_after_a_killed_rehearsal() -> None:
    require_podman()
    clean_up()
    left_behind = start_plane()
    wait_for(left_behind)
    with rehearsal() as site:
        assert left_behind.poll() is not None
        build.first_run(site)
        destroy.play(site)
