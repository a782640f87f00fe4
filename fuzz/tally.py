"""The outcomes of the mutated clips, as a table and as JSON."""

import json
import os
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "fuzz.json"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one mutated clip. `fault` says what the platform did wrong; None if nothing."""

    seed: int
    kind: str
    outcome: str
    seconds: float
    fault: str | None = None

    def __str__(self) -> str:
        return f"seed {self.seed} ({self.kind}): {self.outcome} in {self.seconds:.1f} s: {self.fault or 'right'}"


def faults(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line for each verdict with a fault."""
    return [str(verdict) for verdict in verdicts if verdict.fault]


def table(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Return kind of mutation → outcome → count, sorted by kind."""
    kinds = sorted({verdict.kind for verdict in verdicts})
    return {
        kind: dict(sorted(Counter(verdict.outcome for verdict in verdicts if verdict.kind == kind).items()))
        for kind in kinds
    }


def lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the table as text, with the totals in the last line."""
    outcomes = sorted({verdict.outcome for verdict in verdicts})
    rows = {**table(verdicts), "all": dict(Counter(verdict.outcome for verdict in verdicts))}
    head = f"{'mutation':<24}" + "".join(f"{outcome:>24}" for outcome in outcomes)
    return [
        head,
        *(f"{kind:<24}" + "".join(f"{row.get(outcome, 0):>24}" for outcome in outcomes) for kind, row in rows.items()),
    ]


def keep(way: str, verdicts: Sequence[Verdict], *, seed: int, count: int) -> None:
    """Write the table of `way` (uploads or renders) to benchmarks/results/fuzz.json, and keep the other table."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    figures = {
        "seed": seed,
        "clips": count,
        "faults": len(faults(verdicts)),
        "longest_seconds": round(max(verdict.seconds for verdict in verdicts), 1),
        "outcomes": dict(sorted(Counter(verdict.outcome for verdict in verdicts).items())),
        "by_mutation": table(verdicts),
    }
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    document = {**known, "command": f"make fuzz SEED={seed} COUNT={count}", way: figures, "machine": machine}
    RESULTS.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
