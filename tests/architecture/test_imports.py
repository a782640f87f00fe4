"""The import rules of ARCHITECTURE.md: packages import only what they may, and an import has no side effect."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys

WATCHED = {"socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.mkdir", "sqlite3.connect"}
OURS = ("app", "tasks")


def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in WATCHED or (writes and ".pyc" not in str(arguments[0])):
        print(event, arguments[:2])


def import_everything():
    for name in OURS:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
            if not module.name.endswith("__main__") and ".migrations.0" not in module.name:
                importlib.import_module(module.name)


import_everything()  # not watched, because it also runs third-party libraries' import-time code
for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
    del sys.modules[name]
sys.addaudithook(watch)
import_everything()
"""


def test_importing_a_module_does_nothing() -> None:
    command = [sys.executable, "-c", IMPORT_EVERYTHING]
    run = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout
