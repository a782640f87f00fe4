"""The simulated target tracking scales a group as AWS documents it."""

import pytest

from rehearsal.scaling import IN_AFTER, OUT_AFTER, Tracking

TARGET = 1200


def after(figures: list[float], *, members: int) -> int:
    """Return the desired capacity after these metric values, one a minute."""
    tracking = Tracking()
    return [tracking.desired_capacity(figure, TARGET, members) for figure in figures][-1]


def test_a_group_grows_after_some_minutes_above_the_target() -> None:
    assert after([2000.0] * (OUT_AFTER - 1), members=1) == 1
    assert after([2000.0] * OUT_AFTER, members=1) == 2


def test_a_group_grows_in_one_step_to_the_capacity_that_the_load_requires() -> None:
    assert after([TARGET * 2.5] * OUT_AFTER, members=1) == 3


def test_isolated_peaks_change_nothing() -> None:
    assert after([9000.0, 100.0, 9000.0], members=2) == 2


@pytest.mark.parametrize("figure", [TARGET * 0.95, TARGET * 1.0])
def test_at_or_just_below_the_target_nothing_changes(figure: float) -> None:
    assert after([figure] * IN_AFTER * 2, members=2) == 2


def test_a_group_shrinks_by_one_after_a_long_quiet_time() -> None:
    assert after([100.0] * (IN_AFTER - 1), members=3) == 3
    assert after([100.0] * IN_AFTER, members=3) == 2
