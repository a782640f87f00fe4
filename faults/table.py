"""`python -m faults.table RUN…`: write the table in docs/faults.md from the summaries of runs."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from faults.nemesis import FAULTS
from faults.schedule import FAULTS as ORDER
from faults.site import ROOT

PAGE = ROOT / "docs" / "faults.md"
FIGURES = ROOT / "benchmarks" / "results" / "faults.json"
BEGIN, END = "<!-- table: make faults -->", "<!-- end of table -->"
HEAD = ("fault", "how injected", "how often", "what happened", "next success, s", "recovery, s")

IN_VAIN = ("no job came by", "no request came by", "could not", "left out")
"""The result of a fault without effect starts with one of these texts."""


def write(runs: Annotated[list[Path], typer.Argument(help="Folders with a summary.json.")]) -> None:
    """Update docs/faults.md and benchmarks/results/faults.json."""
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
            found[outcome["fault"]].append({**outcome, "calm": summary["calm"]})
    return {fault: found[fault] for fault in ORDER if fault in found}


def _row(fault: str, outcomes: list[Any]) -> Iterator[str]:
    """Yield the cells after the fault's name. Recovery times are from calm runs, which inject one fault at a time."""
    met = [outcome for outcome in outcomes if not outcome["happened"].startswith(IN_VAIN)]
    yield (FAULTS[fault].__doc__ or "").partition("\n")[0].rstrip(".")
    yield f"{len(met)}" + (f" (and {len(outcomes) - len(met)} met nothing)" if len(met) < len(outcomes) else "")
    yield _happened(met)
    for measure in ("next_success_seconds", "recovery_seconds"):
        times = [outcome[measure] for outcome in met if outcome["calm"] and outcome[measure] is not None]
        yield " / ".join(f"{seconds:.1f}" for seconds in times) or "-"


def _happened(outcomes: list[Any]) -> str:
    """Return the transitions of the struck jobs or, if there are none, of all requests and jobs during the fault."""
    paths = Counter(outcome["struck_job"] or "still open" for outcome in outcomes if outcome["struck_job"] is not None)
    if paths:
        return "; ".join(f"{_jobs(count)}: {path.replace(', ', ' → ')}" for path, count in paths.most_common())
    words = [f"{what}: {_total(outcomes, what)}" for what in ("requests", "jobs")]
    return "; ".join(words)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _total(outcomes: list[Any], what: str) -> str:
    total = Counter[str]()
    for outcome in outcomes:
        total.update(outcome[what])
    return ", ".join(f"{count} {word}" for word, count in total.most_common())


def _markdown(rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _runs(summaries: list[Any]) -> str:
    """Return a Markdown list with one item for each run."""
    lines = [
        f"- seed {run['seed']}, {_length(run)}: {len(run['faults'])} faults, {run['requests']} requests, "
        f"{run['clips']} clips, {run['rescues']} rescues; "
        + ("every invariant held" if run["held"] else f"BROKEN: {', '.join(run['broken_invariants'])}")
        + f"; all jobs had ended {run['recovered_seconds']} s after the clients stopped"
        + f" (bound {run['bound_seconds']} s)"
        for run in summaries
    ]
    return "\n".join(lines)


def _length(run: Any) -> str:
    return "one fault at a time" if run["calm"] else f"{run['minutes']:g} minutes"


def _figures(summaries: list[Any]) -> dict[str, object]:
    """Return the runs' figures with the count of each fault; the outcomes are in the runs' folders."""
    runs = [{**summary, "faults": Counter(fault["fault"] for fault in summary["faults"])} for summary in summaries]
    return {"command": "make faults SEED=n MINUTES=m", "runs": runs}


if __name__ == "__main__":
    typer.run(write)
