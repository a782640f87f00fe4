"""How the rooms are kept apart."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

IMPORT_EVERYTHING = """
import pkgutil, sys

WATCHED = {"socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.mkdir", "sqlite3.connect"}


def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in WATCHED or (writes and not str(arguments[0]).endswith(".pyc") and ".pyc." not in str(arguments[0])):
        print(event, arguments[:2])


sys.addaudithook(watch)
import app, tasks

for package in (app, tasks):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__") and ".migrations.0" not in module.name:
            __import__(module.name)
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
