"""How a figure is told and kept."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def keep(name: str, figures: dict[str, object], *, command: str | None = None) -> None:
    """Print the figures and write benchmarks/results/<name>.json with the command and the machine they come from."""
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    told = {"command": command or f"make bench ONLY={name}", **figures, "machine": machine}
    path.write_text(json.dumps(told, indent=2) + "\n")
    print(f"{name}")
    for key, value in figures.items():
        print(f"  {key:<38} {value}")
