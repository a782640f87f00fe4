"""The schedule of faults: reproducible, without overlaps, and with every fault in a long run."""

from dataclasses import replace

import pytest

from faults.nemesis import FAULTS as INJECTED
from faults.schedule import DECK, FAULTS, FIRST_SECONDS, STAGES, schedule

SEEDS = range(1, 30)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_schedule(seed: int) -> None:
    assert schedule(seed, 5) == schedule(seed, 5)


def test_other_seeds_give_other_schedules() -> None:
    assert len({tuple(step.fault for step in schedule(seed, 5)) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_steps_do_not_overlap_and_end_within_the_time(seed: int) -> None:
    steps = schedule(seed, 5)
    ends = [step.at + step.seconds for step in steps]
    assert steps[0].at == FIRST_SECONDS
    assert all(later.at > end for end, later in zip(ends, steps[1:], strict=False))
    assert ends[-1] <= 300


@pytest.mark.parametrize("seed", SEEDS)
def test_five_minutes_include_every_fault_and_a_worker_killed_at_every_stage(seed: int) -> None:
    steps = schedule(seed, 5)
    assert {step.fault for step in steps} == set(FAULTS)
    assert {step.parameters["stage"] for step in steps if step.fault == "kill_worker"} == set(STAGES)


@pytest.mark.parametrize("seed", SEEDS)
def test_parameters_and_durations_are_those_on_the_cards(seed: int) -> None:
    for step in schedule(seed, 5):
        assert any(
            card.fault == step.fault
            and card.seconds[0] <= step.seconds <= card.seconds[1]
            and all(step.parameters[name] in values for name, values in card.choices.items())
            for card in DECK
        ), step


def test_the_database_is_refused_for_a_minute_in_a_long_run_and_for_seconds_in_a_short_one() -> None:
    long, short = (schedule(1, minutes, only=["postgres_refused"])[0].seconds for minutes in (5, 0.5))
    assert (long, short) == (60, 3)


def test_only_the_requested_faults_are_scheduled() -> None:
    only = ["redis_flush", "kill_ffmpeg"]
    assert {step.fault for step in schedule(1, 2, only=only)} == set(only)


def test_every_fault_on_a_card_can_be_injected() -> None:
    assert set(INJECTED) == set(FAULTS)


def test_a_step_cannot_be_changed_after_it_was_drawn() -> None:
    step = schedule(1, 1)[0]
    assert replace(step, at=0.0) != step
