"""A run that is killed at any point can be run again, on a mock AWS in strict mode.

KILL_SEEDS of `make test-interrupted` selects the points and mock AWS' delays.
"""

import os
import random
from pathlib import Path

import pytest

from rehearsal.operator.whole_site import STEPS, Operator, machines
from tests.roles.strictness import strict_account

pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]
SEEDS = [int(seed) for seed in os.environ.get("KILL_SEEDS", "1").split()]
CALLS_OF_A_FIRST_RUN = 500
"""A first run makes more AWS calls than this. The test kills it after a random number of calls below this number."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_run_converges_when_run_again(seed: int, tmp_path: Path, released: dict[str, str]) -> None:
    with strict_account(tmp_path, seed) as aws, machines(aws):
        operator = Operator(aws, released)
        operator.kill_after(random.Random(seed).randrange(CALLS_OF_A_FIRST_RUN), "site")  # noqa: S311 (not security)
        for step in STEPS:
            operator.succeed(step)
        assert [operator.succeed(step).changed for step in STEPS] == [0] * len(STEPS)
