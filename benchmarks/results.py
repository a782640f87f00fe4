"""How a figure is told and kept."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def keep(name: str, figures: dict[str, object]) -> None:
    """Print the figures of a benchmark, and write them down."""
    write(name, figures, command=f"make bench ONLY={name}")
    print(f"{name}")
    for key, value in figures.items():
        print(f"  {key:<38} {value}")


def write(name: str, figures: dict[str, object], *, command: str) -> None:
    """Write benchmarks/results/<name>.json, with the command and the machine that the figures come from."""
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    told = {"command": command, **figures, "machine": machine}
    path.write_text(json.dumps(told, indent=2) + "\n")
