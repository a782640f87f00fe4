"""For each fault, the table of a fault run reports the states that the affected job went through."""

from collections import Counter
from pathlib import Path

from faults.evidence import Evidence
from faults.history import History
from faults.ledger import Row
from faults.outcomes import Outcomes

VIDEO = "6f1c5a52-0000-4000-8000-000000000000"
FRESH: Row = {
    "video": VIDEO,
    "was": "",
    "state": "queued",
    "rescues": 0,
    "setbacks": 0,
    "attempt": 0,
    "error_code": None,
}


def outcomes_of(folder: Path, *changes: Row) -> Outcomes:
    """Return the outcomes of a run in which a job changes state every second and a fault strikes it after 1.5 s."""
    history = History(folder / "history.jsonl")
    history.note("nemesis", "heal", fault="kill_worker", happened=f"struck video {VIDEO} in process 1", began=1.5)
    history.close()
    rows = [FRESH]
    for change in changes:
        rows.append({**rows[-1], "was": rows[-1]["state"], **change})
    timed = [{**row, "at": history.wall_epoch + second} for second, row in enumerate(rows)]
    return Outcomes(Evidence(history, 0, {}, {}, Counter(), set(), timed, []))


def test_the_states_of_a_struck_job_are_described_in_words(tmp_path: Path) -> None:
    outcomes = outcomes_of(
        tmp_path,
        {"state": "running", "attempt": 1},
        {"state": "queued", "rescues": 1},
        {"state": "running", "attempt": 2},
        {"state": "queued", "setbacks": 1, "attempt": 1},
        {"state": "running", "attempt": 2},
        {"state": "queued", "attempt": 1},
        {"state": "running", "attempt": 2},
        {"state": "queued"},
        {"state": "running", "attempt": 3},
        {"state": "succeeded"},
    )
    (outcome,) = outcomes.of_all()
    assert outcome["struck_job"] == "rescued, deferred, returned, retried, succeeded"


def test_the_reason_for_giving_up_a_job_is_reported(tmp_path: Path) -> None:
    outcomes = outcomes_of(tmp_path, {"state": "running"}, {"state": "failed", "error_code": "poison"})
    assert outcomes.of_all()[0]["struck_job"] == "failed (poison)"


def test_recovery_time_begins_when_the_fault_ends(tmp_path: Path) -> None:
    outcomes = outcomes_of(tmp_path, {"state": "running"}, {"state": "succeeded"})
    assert outcomes.recovery_after(1.5) == 0.5
    assert outcomes.recovery_after(0.5) == 0.5
    assert outcomes.of_all()[0]["recovery_seconds"] == 0.5


def test_a_job_without_a_transition_has_not_recovered(tmp_path: Path) -> None:
    assert outcomes_of(tmp_path, {"state": "running"}).recovery_after(1.5) is None
