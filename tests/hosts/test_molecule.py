"""Each role that configures a host does so, changes nothing the second time, and what it made works."""

import re
from pathlib import Path

import pytest

from rehearsal.hosts.podman import environment, require_podman
from tests.scenarios import run_scenario

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(ROOT.glob("roles/host_*/molecule/*/molecule.yml"))
TESTS_RAN = re.compile(r"^=+ .*\d+ passed", re.MULTILINE)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=[f"{path.parents[2].name}-{path.parent.name}" for path in SCENARIOS]
)
def test_a_role_configures_a_host_once_and_what_it_made_works(scenario: Path) -> None:
    require_podman()
    run = run_scenario(scenario.parents[2].name, scenario.parent.name, environment())
    assert run.returncode == 0, run.stdout[-12_000:]
    # molecule calls it a success when it finds no tests.
    folders = [name for name in ("converged", "side_effect") if (scenario.parent / name).is_dir()]
    assert "converged" in folders
    assert len(TESTS_RAN.findall(run.stdout)) == len(folders), run.stdout[-12_000:]


def test_no_role_is_without_a_scenario() -> None:
    assert sorted({path.parents[2].name for path in SCENARIOS}) == sorted(
        path.name for path in ROOT.glob("roles/host_*")
    )
