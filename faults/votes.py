"""What an account may believe about its vote, from the answers it got and from those it did not get.

The history of one account and video is read as a register that is True or False: the vote's row. Requests that overlap
may have taken effect in either order. A request without an answer, or answered 5xx, may have taken effect at any time
from its beginning on, also after the answer, or never: its COMMIT may still be on its way.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from faults.history import Event, never_ended
from faults.linearizability import Operation, search

Pair = tuple[str, str]
Possible = frozenset[bool]

YES, NO, EITHER = frozenset({True}), frozenset({False}), frozenset({True, False})
ALREADY, NEVER = "Ya has votado", "no has votado"
SETS = {"vote": True, "withdraw": False}
"""What a request leaves the register at."""


def final_states(events: Sequence[Event]) -> dict[Pair, Possible]:
    """What the rows may say, by account and video."""
    return {pair: search(operations).possible for pair, operations in _operations(events).items()}


def contradictions(events: Sequence[Event]) -> Iterator[tuple[Pair, str]]:
    """Answers that no order of the account's overlapping requests explains."""
    for pair, operations in _operations(events).items():
        for operation in search(operations).unexplained:
            yield pair, f"{operation.text}, and no order of the requests that overlap explains it"


def _operations(events: Sequence[Event]) -> dict[Pair, list[Operation]]:
    """By account and video; answers that say nothing about the vote are left out."""
    found = defaultdict[Pair, list[Operation]](list)
    for event in (*events, *never_ended(events)):
        if event["what"] == "told_vote" or event.get("op") in SETS:
            found[event["user"], event["video"]] += _operation(event)
    return dict(found)


def _operation(event: Event) -> Iterator[Operation]:
    if event["what"] == "told_vote":
        yield _answered(event, event["voted"], event["voted"], f"the status was {event['voted']}")
    elif event["what"] == "request":
        yield from _change(event)


def _change(event: Event) -> Iterator[Operation]:
    """A vote or a withdrawal; one refused for another reason than the register's value has no effect."""
    op, status, detail = event["op"], event["status"], event.get("detail") or ""
    text, after = f"{op} was answered {status}", SETS[op]
    if status is None or status >= 500:
        yield Operation(event["began"], None, not after, after, text)
    elif status == 200:
        yield _answered(event, not after, after, text)
    elif ALREADY in detail or NEVER in detail:
        yield _answered(event, ALREADY in detail, ALREADY in detail, text)


def _answered(event: Event, needs: bool, leaves: bool, text: str) -> Operation:
    began, ended = event["began"], event["mono"]
    return Operation(began, ended, needs, leaves, f"{text} between {began} and {ended}")
