"""Each role that configures a host passes its scenario: converge, no change on a second run, and verify."""

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
def test_a_role_configures_a_host_is_idempotent_and_its_services_work(scenario: Path) -> None:
    require_podman()
    run = run_scenario(scenario.parents[2].name, scenario.parent.name, environment())
    assert run.returncode == 0, run.stdout[-12_000:]
    # molecule reports success even if it finds no tests.
    folders = [name for name in ("converged", "side_effect") if (scenario.parent / name).is_dir()]
    assert "converged" in folders
    assert len(TESTS_RAN.findall(run.stdout)) == len(folders), run.stdout[-12_000:]


def test_every_role_has_a_scenario() -> None:
    assert sorted({path.parents[2].name for path in SCENARIOS}) == sorted(
        path.name for path in ROOT.glob("roles/host_*")
    )
