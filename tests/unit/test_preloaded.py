"""A program that testing/preloaded.py starts behaves like one that is started directly."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.homes import PROGRAMS
from testing.preloaded import ENTRY_POINTS, PreloadedProgram, run_preloaded
from testing.processes import wait_until

BARE = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLUMNS": "80", "PYTHONWARNINGS": "default"}


@pytest.mark.parametrize(
    "command",
    [
        ["rising-stars", "--help"],
        ["rising-stars", "no-such-command"],
        ["rising-stars", "migrate"],
        ["rising-stars-api", "--listen", "nowhere"],
        ["rising-stars-worker"],
        ["rising-stars-upkeep"],
    ],
    ids=" ".join,
)
def test_exit_code_and_output_are_those_of_an_ordinary_start(command: list[str]) -> None:
    program, *arguments = command
    ordinary = subprocess.run(
        [str(PROGRAMS / program), *arguments], env=BARE, capture_output=True, text=True, check=False
    )
    preloaded = run_preloaded(program, *arguments, environment=BARE)
    assert (preloaded.returncode, preloaded.stdout, preloaded.stderr) == (
        ordinary.returncode,
        ordinary.stdout,
        ordinary.stderr,
    )


def test_every_program_of_the_project_can_be_preloaded() -> None:
    assert {path.name for path in PROGRAMS.glob("rising-stars*")} == set(ENTRY_POINTS)


@pytest.fixture
def blocked(tmp_path: Path) -> Iterator[PreloadedProgram]:
    """A program that blocks, because it reads its settings from a named pipe that has no writer."""
    settings = tmp_path / "settings"
    os.mkfifo(settings)
    with (tmp_path / "log").open("wb") as log:
        program = PreloadedProgram(
            "rising-stars",
            ["host", "redis-acl", "--env", str(settings), "--out", str(tmp_path / "acl")],
            environment=BARE,
            directory=tmp_path,
            output=log.fileno(),
            errors=log.fileno(),
        )
        yield program
        program.kill()
        program.wait()


def test_a_program_has_its_own_folder_and_only_the_standard_streams(blocked: PreloadedProgram, tmp_path: Path) -> None:
    process = Path("/proc", str(blocked.pid))
    wait_until(lambda: (process / "cwd").resolve() == tmp_path, what="the change to its folder")
    assert {int(path.name) for path in (process / "fd").iterdir()} == {0, 1, 2}


def test_a_killed_program_has_the_signals_number_as_its_exit_code(blocked: PreloadedProgram) -> None:
    assert blocked.poll() is None
    blocked.send_signal(signal.SIGKILL)
    assert blocked.wait(10) == -signal.SIGKILL
    assert blocked.poll() == -signal.SIGKILL


def test_a_wait_for_a_running_program_times_out(blocked: PreloadedProgram) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        blocked.wait(0.1)


def test_another_version_of_the_code_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        run_preloaded("rising-stars", "--help", environment={**BARE, "PYTHONPATH": "/elsewhere"})
