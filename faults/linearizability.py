"""Whether some order of overlapping requests explains every answer, for one register that is True or False.

Each answered request took effect at one moment between its beginning and its answer. A request whose outcome is
unknown took effect at one moment after its beginning, however late, or never. The search visits beginnings and answers
in the order of time. It applies a request no earlier than an answer demands, as in "just-in-time linearization"
(G. Lowe, Testing for linearizability, 2017; the search itself is J. Wing's and C. Gong's, 1993).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

State = tuple[bool, frozenset[int]]
"""The register's value, and the requests, by number, that have taken effect and are not yet answered."""

Spare = tuple[int, int]
"""How many requests of unknown outcome may still set the register to False, and how many to True."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A request and its effect: it finds the register at `needs` and leaves it at `leaves`."""

    began: float
    ended: float | None
    """When the answer arrived; None: the outcome is unknown."""
    needs: bool
    leaves: bool
    text: str = ""


@dataclass
class Search:
    """All that the register may be so far, from False on."""

    unexplained: list[Operation] = field(default_factory=list)
    """Answers that no order explains. The search goes on as if each were true."""
    _open: dict[int, Operation] = field(default_factory=dict)
    _states: dict[State, Spare] = field(default_factory=lambda: {(False, frozenset()): (0, 0)})
    """Two ways to one state differ by as many spare requests to True as to False: the one with more of both is kept."""

    @property
    def possible(self) -> frozenset[bool]:
        """The values that the register may have, now or when requests of unknown outcome have taken effect."""
        values = {value for value, _ in self._states}
        return frozenset(values | {not value for (value, _), spare in self._states.items() if spare[not value]})

    def begin(self, number: int, operation: Operation) -> None:
        """A request may take effect from now on."""
        if operation.ended is None:
            self._states = {state: _add(spare, operation.leaves) for state, spare in self._states.items()}
        else:
            self._open[number] = operation
            self._keep([(self._at(value, done), spare) for (value, done), spare in self._states.items()])

    def end(self, number: int) -> None:
        """A request was answered: in every state that remains it has taken effect."""
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
        """Let a request take effect, after at most one other that the register needs first."""
        value, done = state
        if number in done:
            yield state, spare
        elif value == self._open[number].needs:
            yield self._apply(state, number), spare
        else:
            for flipped, left in self._flips(state, spare):
                yield self._apply(flipped, number), left

    def _flips(self, state: State, spare: Spare) -> Iterator[tuple[State, Spare]]:
        """Change the register by an answered request, or by one of unknown outcome."""
        value, done = state
        candidates = [
            (operation.ended, number)
            for number, operation in self._open.items()
            if number not in done and operation.needs == value != operation.leaves
        ]
        if candidates:  # of equal requests the one that is answered first: two of them may be exchanged
            yield self._apply(state, min(candidates)[1]), spare
        if spare[not value]:
            yield self._at(not value, done), _add(spare, not value, -1)

    def _apply(self, state: State, number: int) -> State:
        return self._at(self._open[number].leaves, state[1] | {number})

    def _at(self, value: bool, done: frozenset[int]) -> State:
        """Every open request that only finds this value takes effect at once: waiting wins it nothing."""
        finds = {number for number, operation in self._open.items() if operation.needs == operation.leaves == value}
        return value, done | finds


def search(operations: Iterable[Operation]) -> Search:
    """Visit all beginnings and answers; requests that touch at the same moment overlap."""
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
