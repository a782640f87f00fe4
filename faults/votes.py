"""The possible states of each vote, derived from the responses that its account received.

An account's vote for a video is a Boolean register, which is True while the vote's row exists. Overlapping requests
may take effect in any order. A request that received a 5xx or no response may take effect at any time after its
invocation, or never. It may even take effect after the client has received the 5xx, because the COMMIT may still be in
flight.
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
"""Operation → the value that it sets the register to."""


def final_states(events: Sequence[Event]) -> dict[Pair, Possible]:
    """Return the values that each vote's register may have after all events, keyed by account and video."""
    return {pair: search(operations).possible for pair, operations in _operations(events).items()}


def contradictions(events: Sequence[Event]) -> Iterator[tuple[Pair, str]]:
    """Yield the responses that no order of the account's overlapping requests explains."""
    for pair, operations in _operations(events).items():
        for operation in search(operations).unexplained:
            yield pair, f"{operation.text}, and no order of the overlapping requests explains it"


def _operations(events: Sequence[Event]) -> dict[Pair, list[Operation]]:
    """Return the operations, keyed by account and video, without responses that do not depend on the register."""
    found = defaultdict[Pair, list[Operation]](list)
    for event in (*events, *never_ended(events)):
        if event["what"] == "saw_vote" or event.get("op") in SETS:
            found[event["user"], event["video"]] += _operation(event)
    return dict(found)


def _operation(event: Event) -> Iterator[Operation]:
    if event["what"] == "saw_vote":
        yield _answered(event, event["voted"], event["voted"], f"the status was {event['voted']}")
    elif event["what"] == "request":
        yield from _change(event)


def _change(event: Event) -> Iterator[Operation]:
    """Yield the operation of a vote or a withdrawal. A rejection for an unrelated reason yields nothing."""
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
