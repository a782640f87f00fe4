"""Print the figures of a measurement, and write them to benchmarks/results."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from testing.comparison import TOLERANCE, got_worse

FOLDER = Path(__file__).parents[1] / "benchmarks" / "results"


def keep(name: str, figures: dict[str, object]) -> None:
    """Print a benchmark's figures and which of them got worse, and write them to benchmarks/results."""
    path = FOLDER / f"{name}.json"
    previous = json.loads(path.read_text()) if path.exists() else {}
    write(name, figures, command=f"make bench ONLY={name}")
    lines = [name, *(f"  {key:<38} {value}" for key, value in figures.items())]
    if worse := list(got_worse(previous, figures)):
        lines += [
            f"worse than before by more than {TOLERANCE:.0%}:".replace("%", " %"),
            *(f"  {line}" for line in worse),
        ]
    sys.stdout.writelines(f"{line}\n" for line in lines)


def write(name: str, figures: dict[str, object], *, command: str) -> None:
    """Write benchmarks/results/<name>.json: the command, the figures, and the machine that measured them."""
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    document = {"command": command, **figures, "machine": machine}
    path.write_text(json.dumps(document, indent=2) + "\n")
