"""The outcome of each fault: the transitions of the struck job or of all jobs, the responses, and the recovery time."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from faults.evidence import Evidence
from faults.history import Event
from faults.ledger import Row

VIDEO = re.compile(r"video ([0-9a-f-]{36})")
KNOWN = {"mono", "wall", "who", "what", "fault", "happened", "began"}
ECHO_SECONDS = 3.0
"""Count events as effects of a fault until this long after its end, because many faults last only an instant."""

OPEN = {"queued", "running"}


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition of a job. `word` describes it; `at` is in seconds since the run's start."""

    at: float
    video: str
    state: str
    word: str


@dataclass
class Outcomes:
    """The outcomes of a run's faults."""

    evidence: Evidence

    def of_all(self) -> list[dict[str, Any]]:
        return [self._of(heal) for heal in self.evidence.history.events("heal")]

    def _of(self, heal: Event) -> dict[str, Any]:
        began, healed = heal["began"], heal["mono"]
        struck = VIDEO.search(heal["happened"])
        return {
            "fault": heal["fault"],
            "parameters": {name: value for name, value in heal.items() if name not in KNOWN},
            "happened": heal["happened"],
            "struck_job": self._path(struck[1], began) if struck else None,
            "requests": self._requests(began, healed + ECHO_SECONDS),
            "jobs": self._jobs(began, healed + ECHO_SECONDS),
            "next_success_seconds": self._next_success(healed),
            "recovery_seconds": self._ended_after(struck[1], began) if struck else self.recovery_after(healed),
        }

    @cached_property
    def _transitions(self) -> list[Transition]:
        """All transitions; `word` is empty for new and for claimed jobs."""
        epoch, before = self.evidence.history.wall_epoch, dict[str, Row]()
        transitions = []
        for row in self.evidence.seen_jobs:
            transitions.append(
                Transition(row["at"] - epoch, row["video"], row["state"], _word(row, before.get(row["video"], row)))
            )
            before[row["video"]] = row
        return transitions

    def _path(self, video: str, since: float) -> str:
        """Return a job's transitions in words, for example `rescued, succeeded`."""
        return ", ".join(
            transition.word
            for transition in self._transitions
            if transition.video == video and transition.at > since and transition.word
        )

    def _ended_after(self, video: str, began: float) -> float | None:
        """Return the seconds from the strike until the job ended; None if it did not end.

        A fault that uploads a poison clip strikes no job. For such a fault, the time starts at `began`.
        """
        strikes = (event for event in self.evidence.history.events("strike") if event["video"] == video)
        struck = next((event["mono"] for event in strikes if event["mono"] >= began), began)
        ends = (
            transition.at - struck
            for transition in self._transitions
            if transition.video == video and transition.state not in OPEN
        )
        return next((round(max(0.0, seconds), 2) for seconds in ends), None)

    def _requests(self, began: float, ended: float) -> dict[str, int]:
        """Count the responses to the requests that were in flight between `began` and `ended`."""
        events = [event for event in self.evidence.requests if event["began"] < ended and event["mono"] > began]
        return dict(Counter(_answer(event["status"]) for event in events))

    def _jobs(self, began: float, ended: float) -> dict[str, int]:
        return dict(
            Counter(
                transition.word for transition in self._transitions if began < transition.at < ended and transition.word
            )
        )

    def _next_success(self, healed: float) -> float | None:
        """Return the seconds from `healed` until the next job succeeds; None if none does."""
        later = (
            transition.at - healed
            for transition in self._transitions
            if transition.state == "succeeded" and transition.at > healed
        )
        return next((round(seconds, 2) for seconds in later), None)

    def recovery_after(self, healed: float) -> float | None:
        """Return the seconds from `healed` until every job that was unfinished then has had a transition.

        None if one of these jobs has had no transition.
        """
        states = {transition.video: transition.state for transition in self._transitions if transition.at <= healed}
        waiting = {video for video, state in states.items() if state in OPEN}
        last = 0.0
        for transition in self._transitions:
            if transition.at > healed and transition.video in waiting:
                waiting.discard(transition.video)
                last = transition.at - healed
        return None if waiting else round(last, 2)


def _answer(status: int | None) -> str:
    return "unanswered" if status is None else "refused with 503" if status == 503 else "answered"


def _word(row: Row, before: Row) -> str:
    if row["state"] == "queued" and row["was"] == "running":
        return next(_backwards(row, before))
    if row["state"] == "failed":
        return f"failed ({row['error_code']})"
    return "" if row["state"] in OPEN else str(row["state"])


def _backwards(row: Row, before: Row) -> Iterator[str]:
    """Yield the reasons why a running job returned to the queue. The caller uses only the first one."""
    if row["rescues"] > before["rescues"]:
        yield "rescued"
    if row["setbacks"] > before["setbacks"]:
        yield "deferred"
    if row["attempt"] < before["attempt"]:
        yield "returned"
    yield "retried"
