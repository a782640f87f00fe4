"""A short fault run with few faults. `make faults` runs the long form, which has every fault."""

import pytest

from faults.report import explain
from faults.schedule import schedule
from tests.faults.conftest import RunMaker

pytestmark = pytest.mark.slow

SEED = 9
MINUTES = 0.4


def test_nothing_is_lost_in_a_short_run_of_faults(begin_run: RunMaker) -> None:
    run = begin_run(seed=SEED)
    run.warm_up()
    run.inject(schedule(SEED, MINUTES))
    verdict = run.judge()
    assert verdict.held, "\n".join(explain(verdict))
