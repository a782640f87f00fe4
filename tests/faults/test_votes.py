"""The model that judges what clients were told about their votes must itself be right."""

import time
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.votes import ALREADY, EITHER, NEVER, NO, YES, contradictions, final_states

PAIR = ("account", "video")
Act = tuple[str, int | None, str]

VOTED, AGAIN = ("vote", 200, ""), ("vote", 400, ALREADY)
WITHDREW, HAD_NONE = ("withdraw", 200, ""), ("withdraw", 404, NEVER)
FAILED_VOTE, LOST_VOTE, LOST_WITHDRAWAL = ("vote", 503, ""), ("vote", None, ""), ("withdraw", None, "")
NOT_THERE = ("vote", 404, "Video not found or has been deleted")


def history_of(folder: Path, *acts: Act) -> History:
    """One account's requests about one video, one after the other."""
    history = History(folder / "history.jsonl")
    for op, status, detail in acts:
        time.sleep(0.001)  # more than the history's times are rounded to
        facts = {"op": op, "status": status, "detail": detail, "user": PAIR[0], "video": PAIR[1]}
        history.note("voter", "request", began=history.now, **facts)
    history.close()
    return history


@pytest.mark.parametrize(
    ("acts", "rows"),
    [
        ([VOTED], YES),
        ([VOTED, AGAIN], YES),
        ([VOTED, WITHDREW], NO),
        ([HAD_NONE], NO),
        ([NOT_THERE], NO),
        ([FAILED_VOTE], EITHER),
        ([FAILED_VOTE, AGAIN], YES),
        ([FAILED_VOTE, VOTED], YES),
        ([FAILED_VOTE, HAD_NONE], NO),
        ([LOST_VOTE], EITHER),
        ([LOST_VOTE, HAD_NONE], EITHER),
        ([VOTED, LOST_WITHDRAWAL], EITHER),
    ],
)
def test_the_rows_may_say_what_the_answers_leave_open(tmp_path: Path, acts: list[Act], rows: frozenset[bool]) -> None:
    history = history_of(tmp_path, *acts)
    assert final_states(history) == {PAIR: rows}
    assert list(contradictions(history)) == []


@pytest.mark.parametrize(
    "acts", [[VOTED, VOTED], [AGAIN], [VOTED, HAD_NONE], [WITHDREW], [FAILED_VOTE, HAD_NONE, AGAIN]]
)
def test_answers_that_cannot_be_are_noticed(tmp_path: Path, acts: list[Act]) -> None:
    assert len(list(contradictions(history_of(tmp_path, *acts)))) == 1


def test_of_two_votes_at_once_either_may_be_answered_first(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    about = {"op": "vote", "user": PAIR[0], "video": PAIR[1], "began": 0.0}
    history.note("voter", "request", status=400, detail=ALREADY, **about)
    history.note("voter", "request", status=200, detail=None, **about)
    history.close()
    assert final_states(history) == {PAIR: YES}
    assert list(contradictions(history)) == []
