"""The model that checks the API's responses about votes is itself correct."""

from typing import Any

import pytest

from faults.history import Event
from faults.votes import ALREADY, EITHER, NEVER, NO, YES, contradictions, final_states

PAIR = ("account", "video")
ABOUT = {"user": PAIR[0], "video": PAIR[1]}
Act = tuple[str, int | None, str]

VOTED, AGAIN = ("vote", 200, ""), ("vote", 400, ALREADY)
WITHDREW, HAD_NONE = ("withdraw", 200, ""), ("withdraw", 404, NEVER)
FAILED_VOTE, LOST_VOTE = ("vote", 503, ""), ("vote", None, "")
FAILED_WITHDRAWAL, LOST_WITHDRAWAL = ("withdraw", 503, ""), ("withdraw", None, "")
NOT_THERE, TOO_MANY = ("vote", 404, "Video not found or has been deleted"), ("vote", 429, "Too many requests")
COUNTS, COUNTS_NOT = ("saw_vote", 1, ""), ("saw_vote", 0, "")


def at(act: Act, began: float, ended: float) -> Event:
    """Return the event of a request with its response, as in the history; times are seconds since the start."""
    op, status, detail = act
    facts: dict[str, Any] = {"what": "request", "op": op, "status": status, "detail": detail}
    if op == "saw_vote":
        facts = {"what": "saw_vote", "voted": bool(status)}
    return {"who": "voter", "began": began, "mono": ended, **facts, **ABOUT}


def sent(op: str, began: float) -> Event:
    """Return the event of a request without a response."""
    return {"who": "voter", "what": "sent", "op": op, "number": 7, "mono": began, **ABOUT}


def in_turn(*acts: Act) -> list[Event]:
    """Return an account's requests about one video, one after another."""
    return [at(act, 2.0 * number, 2.0 * number + 1) for number, act in enumerate(acts)]


def at_once(*acts: Act) -> list[Event]:
    """Return concurrent requests of an account about one video, whose responses arrive in this order."""
    return [at(act, 0.0, 1.0 + 0.1 * number) for number, act in enumerate(acts)]


def of_the_issue(*, then: Act) -> list[Event]:
    """Return a bug report's history: two concurrent votes, of which the one with a 503 is counted, then `then`."""
    return [at(AGAIN, 41.2107, 41.2512), at(FAILED_VOTE, 41.2105, 41.2519), at(then, 50.0, 50.1)]


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        (in_turn(VOTED), YES),
        (in_turn(VOTED, AGAIN), YES),
        (in_turn(VOTED, COUNTS), YES),
        (in_turn(VOTED, WITHDREW), NO),
        (in_turn(VOTED, WITHDREW, COUNTS_NOT, VOTED), YES),
        (in_turn(HAD_NONE), NO),
        (in_turn(NOT_THERE), NO),
        (in_turn(TOO_MANY), NO),
        (in_turn(FAILED_VOTE), EITHER),
        (in_turn(FAILED_VOTE, AGAIN), YES),
        (in_turn(FAILED_VOTE, VOTED), YES),
        (in_turn(FAILED_VOTE, HAD_NONE), EITHER),
        (in_turn(FAILED_VOTE, HAD_NONE, AGAIN), YES),
        (in_turn(LOST_VOTE), EITHER),
        (in_turn(LOST_VOTE, HAD_NONE), EITHER),
        (in_turn(LOST_VOTE, COUNTS, WITHDREW), NO),
        (in_turn(VOTED, LOST_WITHDRAWAL), EITHER),
        (in_turn(VOTED, FAILED_WITHDRAWAL, COUNTS, COUNTS_NOT), NO),
        (in_turn(VOTED, FAILED_WITHDRAWAL, VOTED), YES),
        (in_turn(LOST_VOTE, LOST_WITHDRAWAL, COUNTS, COUNTS_NOT), NO),
    ],
)
def test_rows_may_have_any_value_that_the_answers_allow(events: list[Event], rows: frozenset[bool]) -> None:
    assert final_states(events) == {PAIR: rows}
    assert list(contradictions(events)) == []


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        (at_once(AGAIN, VOTED), YES),
        (at_once(AGAIN, FAILED_VOTE), YES),
        (at_once(FAILED_VOTE, AGAIN), YES),
        (at_once(AGAIN, LOST_VOTE), YES),
        (at_once(COUNTS, VOTED), YES),
        (at_once(COUNTS_NOT, VOTED), YES),
        (at_once(COUNTS, COUNTS_NOT, WITHDREW, VOTED), NO),
        (at_once(WITHDREW, VOTED), NO),
        (at_once(VOTED, VOTED, WITHDREW), YES),
        (at_once(HAD_NONE, VOTED), YES),
        (at_once(HAD_NONE, AGAIN, FAILED_VOTE), YES),
        (of_the_issue(then=COUNTS), YES),
        (of_the_issue(then=WITHDREW), NO),
        ([sent("vote", 0.0), at(AGAIN, 0.5, 1.0)], YES),
        ([sent("vote", 0.0), at(COUNTS_NOT, 5.0, 6.0)], EITHER),
        ([at(VOTED, 0.0, 1.0), sent("withdraw", 2.0)], EITHER),
    ],
)
def test_requests_that_overlap_may_have_taken_effect_in_any_order(events: list[Event], rows: frozenset[bool]) -> None:
    assert final_states(events) == {PAIR: rows}
    assert list(contradictions(events)) == []


@pytest.mark.parametrize(
    "events",
    [
        in_turn(VOTED, VOTED),
        in_turn(AGAIN),
        in_turn(VOTED, HAD_NONE),
        in_turn(VOTED, COUNTS_NOT),
        in_turn(WITHDREW),
        in_turn(COUNTS),
        in_turn(NOT_THERE, COUNTS),
        in_turn(TOO_MANY, AGAIN),
        in_turn(FAILED_VOTE, HAD_NONE, AGAIN, HAD_NONE),
        in_turn(VOTED, LOST_WITHDRAWAL, COUNTS_NOT, COUNTS),
        in_turn(COUNTS, LOST_VOTE),
        at_once(VOTED, VOTED),
        at_once(AGAIN, AGAIN),
        at_once(WITHDREW, WITHDREW, VOTED),
        at_once(FAILED_VOTE, VOTED, VOTED),
        of_the_issue(then=HAD_NONE),
        [at(AGAIN, 0.0, 1.0), sent("vote", 1.5)],
        [*at_once(VOTED, AGAIN), at(COUNTS_NOT, 5.0, 6.0)],
    ],
)
def test_impossible_answers_are_noticed(events: list[Event]) -> None:
    assert len(list(contradictions(events))) == 1


def test_a_contradiction_names_the_request_and_its_time() -> None:
    ((pair, text),) = contradictions(in_turn(VOTED, HAD_NONE))
    assert pair == PAIR
    assert text.startswith("withdraw was answered 404 between 2.0 and 3.0")


def test_an_answered_request_is_not_treated_as_unanswered() -> None:
    ended = {**at(NOT_THERE, 0.0, 1.0), "number": 7}
    assert final_states([sent("vote", 0.0), ended]) == {PAIR: NO}


def test_accounts_and_videos_are_judged_separately() -> None:
    other = [{**event, "user": "another"} for event in in_turn(VOTED)]
    assert final_states([*in_turn(HAD_NONE), *other]) == {PAIR: NO, ("another", "video"): YES}
