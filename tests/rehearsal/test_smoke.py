"""The rehearsal's short form: built from nothing by site.yml, which sends a clip the whole way; and unbuilt."""

import pytest

from tests.hosts.podman import require_podman
from tests.rehearsal.rehearsal import rehearsal
from tests.rehearsal.scenarios import build, destroy

pytestmark = pytest.mark.timeout(1800)


def test_a_site_is_built_used_and_unbuilt() -> None:
    require_podman()
    with rehearsal() as site:
        build.first_run(site)
        destroy.play(site)
