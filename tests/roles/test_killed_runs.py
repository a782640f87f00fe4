"""A run that is killed at any point can be run again. KILL_SEEDS of `make test-interrupted` selects the points."""

import os
import random

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.whole_site import STEPS, Operator, machines

pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]
SEEDS = [int(seed) for seed in os.environ.get("KILL_SEEDS", "1").split()]
CALLS_OF_A_FIRST_RUN = 300
"""A first run makes more AWS calls than this. The test kills it after a random number of calls below this number."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_run_converges_when_run_again(seed: int, fresh_aws: MockAws, released: dict[str, str]) -> None:
    operator = Operator(fresh_aws, released)
    with machines(fresh_aws):
        operator.kill_after(random.Random(seed).randrange(CALLS_OF_A_FIRST_RUN), "site")  # noqa: S311 (not security)
        for step in STEPS:
            operator.succeed(step)
        assert [operator.succeed(step).changed for step in STEPS] == [0] * len(STEPS)
