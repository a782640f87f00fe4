"""The report of a run, as text and as JSON."""

import json
from collections.abc import Iterator
from typing import Any

from faults.outcomes import Outcomes
from faults.run import Verdict

SHOWN_VIOLATIONS = 3


def explain(verdict: Verdict) -> Iterator[str]:
    """Yield the lines of the report: the seed, each broken invariant with its history, and the logs' location."""
    state = "every invariant held" if verdict.held else "BROKEN"
    recovered = "never" if verdict.recovered_seconds is None else f"{verdict.recovered_seconds:.1f} s"
    yield f"seed {verdict.seed}: {state}; recovered in {recovered} (bound {verdict.bound_seconds:.1f} s)"
    yield f"  {_counts(verdict)}"
    for claim, violations in verdict.violations.items():
        yield f"\nNOT TRUE: {claim} ({len(violations)} times)"
        for violation in violations[:SHOWN_VIOLATIONS]:
            yield f"\n  {violation.subject} {violation.text}"
            yield from (f"    {line}" for line in verdict.evidence.history.around(violation.subject))
    yield from (f"\nTHE HARNESS FAILED: {failure}" for failure in verdict.broken)
    if not verdict.held:
        yield f"\nAgain: make faults SEED={verdict.seed}. History and logs: {verdict.folder}"


def _counts(verdict: Verdict) -> str:
    evidence = verdict.evidence
    answered = sum(event["status"] is not None for event in evidence.requests)
    return (
        f"{len(evidence.requests)} requests ({len(evidence.requests) - answered} without an answer), "
        f"{len(evidence.videos)} clips, {sum(evidence.ballots.values())} votes, "
        f"{len(evidence.history.events('heal'))} faults"
    )


def summarize(verdict: Verdict, minutes: float, *, calm: bool) -> dict[str, Any]:
    """Return the figures of the run and of each fault, for JSON."""
    evidence = verdict.evidence
    states: dict[str, int] = {}
    for job in evidence.jobs.values():
        states[job["state"]] = states.get(job["state"], 0) + 1
    return {
        "seed": verdict.seed,
        "minutes": minutes,
        "calm": calm,
        "held": verdict.held,
        "broken_invariants": sorted(verdict.violations),
        "requests": len(evidence.requests),
        "unanswered": sum(event["status"] is None for event in evidence.requests),
        "clips": len(evidence.videos),
        "jobs": states,
        "rescues": sum(job["rescues"] for job in evidence.jobs.values()),
        "votes": sum(evidence.ballots.values()),
        "bound_seconds": round(verdict.bound_seconds, 1),
        "recovered_seconds": verdict.recovered_seconds and round(verdict.recovered_seconds, 1),
        "faults": Outcomes(evidence).of_all(),
    }


def write(verdict: Verdict, minutes: float, *, calm: bool) -> None:
    """Write the summary and the report beside the history."""
    text = json.dumps(summarize(verdict, minutes, calm=calm), indent=2)
    (verdict.folder / "summary.json").write_text(text + "\n")
    (verdict.folder / "report.txt").write_text("\n".join(explain(verdict)) + "\n")
