"""Determine whether some order of overlapping requests to one Boolean register explains every response.

A request with a response took effect at one point in time between its invocation and its response. A request whose
outcome is unknown took effect at one point in time after its invocation, or never. The search visits invocations and
responses in chronological order. It applies a request only when a response requires it, as in "just-in-time
linearization" (G. Lowe, Testing for linearizability, 2017; the search itself is by J. Wing and C. Gong, 1993).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

State = tuple[bool, frozenset[int]]
"""The register's value, and the numbers of the requests that have taken effect but have no response yet."""

Spare = tuple[int, int]
"""How many requests of unknown outcome may still set the register to False, and how many to True."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A request. Its response implies that the value was `needs` before it took effect, and `leaves` afterwards."""

    began: float
    ended: float | None
    """The time of the response; None if the outcome is unknown."""
    needs: bool
    leaves: bool
    text: str = ""


@dataclass
class Search:
    """All possible states of the register so far; it starts as False."""

    unexplained: list[Operation] = field(default_factory=list)
    """Requests whose responses no order explains. The search continues as if these responses were correct."""
    _open: dict[int, Operation] = field(default_factory=dict)
    _states: dict[State, Spare] = field(default_factory=lambda: {(False, frozenset()): (0, 0)})
    """State → the spare requests that remain on the best path to that state.

    If two paths lead to the same state, the better one has more spare requests of both values. No path can have more of
    one value and fewer of the other, because the numbers differ by the same amount for both values.
    """

    @property
    def possible(self) -> frozenset[bool]:
        """The values that the register may have, now or after requests of unknown outcome take effect."""
        values = {value for value, _ in self._states}
        return frozenset(values | {not value for (value, _), spare in self._states.items() if spare[not value]})

    def begin(self, number: int, operation: Operation) -> None:
        """Process the invocation of a request: it may take effect from now on."""
        if operation.ended is None:
            self._states = {state: _add(spare, operation.leaves) for state, spare in self._states.items()}
        else:
            self._open[number] = operation
            self._keep([(self._at(value, done), spare) for (value, done), spare in self._states.items()])

    def end(self, number: int) -> None:
        """Process the response to a request: retain only the states in which the request has taken effect."""
        operation = self._open[number]
        explained = [way for entry in self._states.items() for way in self._ways(*entry, number)]
        if not explained:
            self.unexplained.append(operation)
            explained = [(self._at(operation.leaves, done), spare) for (_, done), spare in self._states.items()]
        del self._open[number]
        self._keep([((value, done - {number}), spare) for (value, done), spare in explained])

    def _keep(self, found: list[tuple[State, Spare]]) -> None:
        self._states = {}
        for state, spare in found:
            self._states[state] = max(spare, self._states.get(state, spare))

    def _ways(self, state: State, spare: Spare, number: int) -> Iterator[tuple[State, Spare]]:
        """Yield the states after a request. If it needs another value of the register, apply another request first."""
        value, done = state
        if number in done:
            yield state, spare
        elif value == self._open[number].needs:
            yield self._apply(state, number), spare
        else:
            for flipped, left in self._flips(state, spare):
                yield self._apply(flipped, number), left

    def _flips(self, state: State, spare: Spare) -> Iterator[tuple[State, Spare]]:
        """Yield the states after an open request, or one of unknown outcome, has changed the register."""
        value, done = state
        candidates = [
            (operation.ended, number)
            for number, operation in self._open.items()
            if number not in done and operation.needs == value != operation.leaves
        ]
        if candidates:  # equal requests are interchangeable, so take the one that ends first
            yield self._apply(state, min(candidates)[1]), spare
        if spare[not value]:
            yield self._at(not value, done), _add(spare, not value, -1)

    def _apply(self, state: State, number: int) -> State:
        return self._at(self._open[number].leaves, state[1] | {number})

    def _at(self, value: bool, done: frozenset[int]) -> State:
        """Return the state after all open requests that only read `value`. Applying these early excludes no order."""
        finds = {number for number, operation in self._open.items() if operation.needs == operation.leaves == value}
        return value, done | finds


def search(operations: Iterable[Operation]) -> Search:
    """Process all invocations and responses in chronological order. At equal times, invocations precede responses."""
    numbered = dict(enumerate(operations))
    moments = [(operation.began, 0, number) for number, operation in numbered.items()]
    moments += [(operation.ended, 1, number) for number, operation in numbered.items() if operation.ended is not None]
    found = Search()
    for _, ended, number in sorted(moments):
        if ended:
            found.end(number)
        else:
            found.begin(number, numbered[number])
    return found


def _add(spare: Spare, value: bool, count: int = 1) -> Spare:
    off, on = spare
    return (off, on + count) if value else (off + count, on)
