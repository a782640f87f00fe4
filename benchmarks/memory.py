"""Measure the memory of an idle API, worker and upkeep process with the runtime packages only, as on a site.

The figures are proportional set sizes (PSS): memory that several processes share counts in equal parts.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.contest import running_servers
from benchmarks.parts import Bench, running_bench, wait_until_ready
from demo.ports import free_port
from testing.figures import keep

ROOT = Path(__file__).parents[1]
PROGRAMS = {"api": "app.wsgi", "worker": "tasks.worker", "upkeep": "tasks.upkeep"}
"""Process → the module with its `main`."""
IMPORTS = (
    "pydantic_settings",
    "structlog",
    "typer",
    "bottle",
    "peewee",
    "redis",
    "limits",
    "boto3",
    "huey",
    "waitress",
)
PYTHON = (sys.executable, "-S", "-P")
"""Python without the packages of this environment; PYTHONPATH names the folder of the runtime packages."""

BOUND_MIB = 90
IDLE_SECONDS = 5
MIB = 1 << 20


def main() -> None:
    """Measure and write the figures."""
    with (
        tempfile.TemporaryDirectory(prefix="rising-stars-packages-") as packages,
        running_servers() as (postgres, redis),
        running_bench(redis.url(1), database_url=postgres.url(postgres.create_database())) as bench,
    ):
        _link_runtime_packages(Path(packages))
        figures: dict[str, object] = {"bound_mib": BOUND_MIB}
        for name, module in PROGRAMS.items():
            with _running(bench, name, module, packages) as process:
                figures[f"{name}_pss_mib"] = _pss_mib(process)
        figures |= {f"import_{name}_mib": mib for name, mib in _measure_imports(packages)}
    keep("memory", figures)


def _link_runtime_packages(folder: Path) -> None:
    """Fill a folder with links to the platform and to the packages in requirements/runtime.txt, and to no others."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE)
    for name in pinned:
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # pinned for another platform
            continue
        for part in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (folder / part).symlink_to(Path(str(distribution.locate_file(part))))
    for package in ("app", "tasks"):
        (folder / package).symlink_to(ROOT / package)


@contextmanager
def _running(bench: Bench, name: str, module: str, packages: str) -> Iterator[psutil.Process]:
    """Run one program until it is idle."""
    port = free_port()
    arguments = ["--listen", f"127.0.0.1:{port}"] if name == "api" else []
    log = bench.folder / f"{name}.log"
    with log.open("wb") as output:
        command = [*PYTHON, "-c", f"from {module} import main; main()", *arguments]
        environment = bench.environment | {"PYTHONPATH": packages}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=bench.folder)
    try:
        if name == "api":
            wait_until_ready(f"http://127.0.0.1:{port}")
        time.sleep(IDLE_SECONDS)
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended: {log.read_text()[-2000:]}")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _pss_mib(process: psutil.Process) -> float:
    """Return the memory of a process and its children."""
    family = [process, *process.children(recursive=True)]
    return round(sum(member.memory_full_info().pss for member in family) / MIB, 1)


def _measure_imports(packages: str) -> Iterator[tuple[str, float]]:
    """Yield how much private memory each library adds to those before it."""
    program = str(Path(__file__).with_name("import_costs.py"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": packages}
    output = subprocess.check_output([*PYTHON, program, *IMPORTS], text=True, env=environment)
    for line in output.splitlines():
        name, mib = line.split()
        yield name, float(mib)
