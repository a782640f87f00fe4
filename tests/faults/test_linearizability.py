"""The linearizability search accepts a history if and only if some order of its operations explains it.

The search finishes within a bounded time.
"""

import time
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from faults.linearizability import Operation, search

SET, UNSET = (False, True), (True, False)
IS_SET, IS_UNSET = (True, True), (False, False)
MANY = 10_000
MOST_SECONDS = 5.0
"""The maximum CPU time of a search; a search usually needs about a tenth of this."""

OPERATIONS = st.builds(
    lambda began, lasts, effect: Operation(began, None if lasts is None else began + lasts, *effect),
    st.integers(0, 6),
    st.none() | st.integers(0, 4),
    st.sampled_from([SET, UNSET, IS_SET, IS_UNSET]),
).filter(lambda operation: operation.ended is not None or operation.needs != operation.leaves)


def values_by_brute_force(operations: list[Operation], *, value: bool = False) -> Iterator[bool]:
    """Try every order and yield each possible final value of the register; yield nothing if no order is possible."""
    if all(operation.ended is None for operation in operations):
        yield value
    first_end = min((operation.ended for operation in operations if operation.ended is not None), default=float("inf"))
    for place, operation in enumerate(operations):
        if operation.began <= first_end and operation.needs == value:
            yield from values_by_brute_force(operations[:place] + operations[place + 1 :], value=operation.leaves)


@given(st.lists(OPERATIONS, max_size=7))
@settings(max_examples=200, deadline=None)
def test_the_search_agrees_with_trying_every_order(operations: list[Operation]) -> None:
    values = frozenset(values_by_brute_force(operations))
    found = search(operations)
    assert (not found.unexplained) == bool(values)
    if values:
        assert found.possible == values


def test_ten_thousand_overlapping_requests_are_judged_in_time() -> None:
    effects = [SET, IS_SET, UNSET, IS_UNSET]
    answered = [Operation(number, number + 8.0, *effects[number % 4]) for number in range(MANY)]
    unknown = [Operation(number, None, *effects[number % 4]) for number in range(0, MANY, 10)]
    began = time.process_time()
    assert search([*answered, *unknown]).unexplained == []
    assert time.process_time() - began < MOST_SECONDS


def test_two_hundred_requests_at_once_are_judged_in_time() -> None:
    effects = [SET, UNSET, IS_SET, IS_UNSET]
    answered = [Operation(0.0, 1.0 + number * 7 % 200, *effects[number % 4]) for number in range(200)]
    began = time.process_time()
    assert search(answered).unexplained == []
    assert time.process_time() - began < MOST_SECONDS
