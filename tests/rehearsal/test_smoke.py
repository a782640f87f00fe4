"""The rehearsal's short form: built from nothing by site.yml, which sends a clip the whole way; and unbuilt.

Before it another one was begun, and nobody took it away.
"""

import pytest

from rehearsal.hosts.podman import require_podman
from rehearsal.scenarios import build, destroy
from rehearsal.site import clean_up, rehearsal, start_plane, wait_for

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]


def test_a_site_is_built_used_and_unbuilt_after_a_rehearsal_that_was_killed() -> None:
    require_podman()
    clean_up()
    left_behind = start_plane()
    wait_for(left_behind)
    with rehearsal() as site:
        assert left_behind.poll() is not None
        build.first_run(site)
        destroy.play(site)
