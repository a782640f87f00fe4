"""What an account may believe about its vote, from the answers it got and from those it did not get.

The history of one account and video is read as a register that is True or False. A request without an answer
may count either way, also later: it may still be under way. A 5xx may count either way until the next answer.
"""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.history import Event, History

Pair = tuple[str, str]
Possible = frozenset[bool]

YES, NO, EITHER = frozenset({True}), frozenset({False}), frozenset({True, False})
ALREADY, NEVER = "Ya has votado", "no has votado"


def final_states(history: History) -> dict[Pair, Possible]:
    """What the rows may say, by account and video."""
    return {pair: _read(acts)[0] for pair, acts in _acts(history).items()}


def contradictions(history: History) -> Iterator[tuple[Pair, str]]:
    """Answers that cannot be, after the ones before."""
    for pair, acts in _acts(history).items():
        for text in _read(acts)[1]:
            yield pair, text


def _acts(history: History) -> dict[Pair, list[Event]]:
    """Requests about votes by account and video, in an order that may have been theirs."""
    found = defaultdict(list)
    for event in history.events():
        if event["what"] == "told_vote" or (event["what"] == "request" and event["op"] in {"vote", "withdraw"}):
            found[event["user"], event["video"]].append(event)
    return {pair: _in_order(acts) for pair, acts in found.items()}


def _in_order(acts: list[Event]) -> list[Event]:
    """Of two that overlap (one account's two votes at once) the one that counted came first."""

    def place(act: Event) -> tuple[float, bool]:
        together = (other["began"] for other in acts if other["began"] < act["mono"] and act["began"] < other["mono"])
        return min(together, default=act["began"]), act.get("status") != 200

    return sorted(acts, key=place)


def _read(acts: list[Event]) -> tuple[Possible, list[str]]:
    possible, wrong = NO, list[str]()
    for act in acts:
        allowed, after = _step(act)
        if not possible & allowed:
            wrong.append(
                f"{act.get('op', 'status')} was answered {act.get('status')} at {act['mono']} after {set(possible)}"
            )
        possible = _after(act, possible, after)
        if act["what"] == "request" and act["status"] is None:
            return EITHER, wrong
    return possible, wrong


def _step(act: Event) -> tuple[Possible, Possible]:
    """Under which states this answer is possible, and what holds after it."""
    if act["what"] == "told_vote":
        known = YES if act["voted"] else NO
        return known, known
    status, detail = act["status"], act.get("detail") or ""
    if status == 200:
        return (NO, YES) if act["op"] == "vote" else (YES, NO)
    if ALREADY in detail:
        return YES, YES
    if NEVER in detail:
        return NO, NO
    return EITHER, EITHER


def _after(act: Event, before: Possible, after: Possible) -> Possible:
    """A 5xx may have counted; a refusal for another reason has not."""
    if after != EITHER:
        return after
    failed = act["status"] is None or act["status"] >= 500
    return before | (YES if act["op"] == "vote" else NO) if failed else before
