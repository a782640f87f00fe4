"""`python -m tests.faults.table RUN…`: the table in docs/faults.md, from the summaries of real runs."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.faults.nemesis import FAULTS
from tests.faults.schedule import FAULTS as ORDER
from tests.faults.site import ROOT

PAGE = ROOT / "docs" / "faults.md"
FIGURES = ROOT / "benchmarks" / "results" / "faults.json"
BEGIN, END = "<!-- table: make faults -->", "<!-- end of table -->"
HEAD = ("fault", "how injected", "how often", "what happened", "next success, median and worst", "all moved on, worst")

IN_VAIN = ("no job came by", "no request came by", "could not", "left out")
"""What a fault tells that met nothing."""

RESCUED = "lease runs out, reaper puts it back, another worker renders it"
PUT_OFF = "jobs are put off uncounted and rendered after"
ANSWERS = {
    "kill_worker": RESCUED,
    "stop_worker": f"{RESCUED}; the zombie wakes up, finds its token worthless and leaves",
    "kill_consumer": f"its children die with it; {RESCUED}",
    "kill_ffmpeg": "the attempt fails, is retried after a backoff and succeeds",
    "hang_ffmpeg": "killed at RENDER_TIMEOUT_SECONDS, retried and succeeds",
    "crash_ffmpeg": "the attempt fails, is retried after a backoff and succeeds",
    "poison_clip": "given up with its reason (after 3 rescues, or 5 attempts); other clips pass",
    "redis_kill": "uploads are accepted; upkeep rings again",
    "redis_flush": "upkeep rings again",
    "redis_refuses_writes": "uploads are accepted, limits fail open; upkeep rings again",
    "redis_slow": "requests take longer; nothing else",
    "postgres_restart": "503 with Retry-After meanwhile; workers wait and go on",
    "postgres_terminate": "503 or unnoticed; workers connect again and go on",
    "postgres_slow_commits": "requests take longer; nothing else",
    "postgres_answer_lost": "503; the client's retry is recognised by its key",
    "postgres_refused": "503 with Retry-After meanwhile; workers wait and go on, or are rescued",
    "s3_errors": f"uploads 503 with Retry-After; {PUT_OFF}",
    "s3_hangs": f"uploads wait; {PUT_OFF}",
    "s3_resets": f"the client library sends again; {PUT_OFF}",
    "s3_loses_puts": "noticed by asking the store: the upload is answered 503, the render is done again",
    "disk_full": f"uploads to that machine 503; {PUT_OFF}",
    "api_killed_before_ring": "the clip is in the ledger; upkeep rings for it",
    "api_killed_in_upload": "no answer; the client's retry makes the one video",
    "api_stopped": "answers what it has accepted, ends, comes back",
    "worker_stopped": "ends its render or gives it back, uncounted, in time",
    "doorbells": "a worker that finds nothing due sleeps again",
    "clock_wrong": "it says that it is unwell and takes no job; the other worker renders them",
    "two_reapers": "each expired lease is taken once, by one of them",
    "previous_version": "both versions work on the same ledger",
}


def write(runs: Annotated[list[Path], typer.Argument(help="Folders with a summary.json.")]) -> None:
    """Bring the docs and the figures up to date."""
    summaries = [json.loads((run / "summary.json").read_text()) for run in runs]
    rows = [[fault, *_row(fault, outcomes)] for fault, outcomes in _by_fault(summaries).items()]
    FIGURES.write_text(json.dumps(_figures(summaries), indent=2) + "\n")
    before, rest = PAGE.read_text().split(BEGIN)
    table = "\n".join([_runs(summaries), "", *_markdown(rows)])
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}")


def _by_fault(summaries: list[Any]) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for summary in summaries:
        for outcome in summary["faults"]:
            found[outcome["fault"]].append(outcome)
    return {fault: found[fault] for fault in ORDER if fault in found}


def _row(fault: str, outcomes: list[Any]) -> Iterator[str]:
    """The cells behind the fault's name."""
    met = [outcome for outcome in outcomes if not outcome["happened"].startswith(IN_VAIN)]
    success = [outcome["next_success_seconds"] for outcome in met if outcome["next_success_seconds"] is not None]
    moved = [outcome["moved_on_seconds"] for outcome in met if outcome["moved_on_seconds"] is not None]
    yield (FAULTS[fault].__doc__ or "").partition("\n")[0].rstrip(".")
    yield f"{len(met)}" + (f" (and {len(outcomes) - len(met)} met nothing)" if len(met) < len(outcomes) else "")
    yield ANSWERS[fault]
    yield f"{statistics.median(success):.1f} s, {max(success):.1f} s" if success else "-"
    yield f"{max(moved):.1f} s" if moved else "-"


def _markdown(rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _runs(summaries: list[Any]) -> str:
    """One line a run."""
    lines = [
        f"- seed {run['seed']}, {run['minutes']:g} minutes: {len(run['faults'])} faults, {run['requests']} requests, "
        f"{run['clips']} clips, {run['rescues']} rescues; "
        + ("every invariant held" if run["held"] else f"BROKEN: {', '.join(run['broken_invariants'])}")
        + f"; all jobs had ended {run['recovered_seconds']} s after the last healing (bound {run['bound_seconds']} s)"
        for run in summaries
    ]
    return "\n".join(lines)


def _figures(summaries: list[Any]) -> dict[str, object]:
    return {"command": "make faults SEED=n MINUTES=m", "runs": summaries}


if __name__ == "__main__":
    typer.run(write)
