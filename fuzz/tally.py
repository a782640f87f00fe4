"""What came of each mutated clip: told as a table, kept as JSON."""

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
    """One mutated clip. `fault` says which claim it broke; None when it broke none."""

    seed: int
    kind: str
    outcome: str
    seconds: float
    fault: str | None = None

    def __str__(self) -> str:
        return f"seed {self.seed} ({self.kind}): {self.outcome} in {self.seconds:.1f} s: {self.fault or 'right'}"


def faults(verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each broken claim."""
    return [str(verdict) for verdict in verdicts if verdict.fault]


def table(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Kind of mutation → outcome → how often, in the order of the kinds' names."""
    kinds = sorted({verdict.kind for verdict in verdicts})
    return {
        kind: dict(sorted(Counter(verdict.outcome for verdict in verdicts if verdict.kind == kind).items()))
        for kind in kinds
    }


def lines(verdicts: Sequence[Verdict]) -> list[str]:
    """The table as text, with a sum below it."""
    outcomes = sorted({verdict.outcome for verdict in verdicts})
    rows = {**table(verdicts), "all": dict(Counter(verdict.outcome for verdict in verdicts))}
    head = f"{'mutation':<24}" + "".join(f"{outcome:>24}" for outcome in outcomes)
    return [
        head,
        *(f"{kind:<24}" + "".join(f"{row.get(outcome, 0):>24}" for outcome in outcomes) for kind, row in rows.items()),
    ]


def keep(way: str, verdicts: Sequence[Verdict], *, seed: int, count: int) -> None:
    """Write this way's table into benchmarks/results/fuzz.json, beside that of the other way."""
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
    told = {**known, "command": f"make fuzz SEED={seed} COUNT={count}", way: figures, "machine": machine}
    RESULTS.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
