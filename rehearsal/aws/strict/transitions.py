"""Resources that pass through states. Each state lasts for one to three of the operator's calls."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws.strict.hooks import before, draw, is_operators

SetState = Callable[[str], object]


@dataclass
class Transition:
    """A resource on its way to its last state."""

    set_state: SetState
    states: list[str]
    """The states that are still to come."""
    calls: int = field(default_factory=draw)
    """The number of further calls that find the current state."""

    def advance(self) -> bool:
        """Count a call, and return whether the resource has reached its last state."""
        self.calls -= 1
        if self.calls < 0:
            self.set_state(self.states.pop(0))
            self.calls = draw()
        return not self.states


_UNDERWAY: dict[str, list[Transition]] = defaultdict(list)


def pass_through(kind: str, set_state: SetState, states: Sequence[str]) -> None:
    """Set the first state now, and the others, one by one, at later calls of the operations given to `advanced_by`."""
    first, *others = states
    set_state(first)
    _UNDERWAY[kind].append(Transition(set_state, others))


def advanced_by(kind: str, service: str, *operations: str) -> None:
    """Advance the resources of a kind with each of the operator's calls of these operations."""

    @before(service, *operations)
    def advance(request: Any) -> None:
        if is_operators(request):
            _UNDERWAY[kind] = [each for each in _UNDERWAY[kind] if not each.advance()]
