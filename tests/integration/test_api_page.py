"""docs/api.md works as it stands: every command and the program run against an embedded site."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testing.homes import Backend, Home
from testing.sites import running_site

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text()
BLOCK = re.compile(r"^```(bash|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "--- end of the block ---"
MAX_PYTHON_LINES = 30


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the blocks in a language, each with the output that the page shows for it ("" for none)."""
    found = BLOCK.findall(PAGE)
    return [
        (code, after[1] if after[0] == "text" else "")
        for (kind, code), after in zip(found, [*found[1:], ("", "")], strict=True)
        if kind == language
    ]


def pattern_of(shown: str) -> str:
    """Return a regular expression for an output in which `…` stands for any text within a line."""
    return re.escape(shown.strip("\n")).replace("…", "[^\n]*")


@pytest.fixture(scope="module")
def environment(new_home: Callable[[Backend], Home], small_clip: Path) -> Iterator[dict[str, str]]:
    """The variables of a shell that uses a site of its own, whose ranking no other test changes."""
    with running_site(new_home("embedded"), with_worker=True) as site:
        yield {"PATH": os.environ["PATH"], "API": f"{site.url}/api", "CLIP": str(small_clip), "LC_ALL": "C.UTF-8"}


def test_the_tour_prints_what_the_page_shows(environment: dict[str, str]) -> None:
    tour = blocks("bash")
    script = "".join(f"{code}\necho '{END}'\n" for code, _ in tour)
    printed = [output.strip("\n") for output in run("bash", "-euo", "pipefail", "-c", script, **environment).split(END)]
    for (code, shown), output in zip(tour, printed[:-1], strict=True):
        assert re.fullmatch(pattern_of(shown), output), f"{code}\nprints\n{output}\nnot\n{shown}"


def test_the_program_uploads_a_clip_and_waits_for_the_result(environment: dict[str, str]) -> None:
    [(program, shown)] = blocks("python")
    assert len([line for line in program.splitlines() if line.strip()]) <= MAX_PYTHON_LINES
    assert re.fullmatch(pattern_of(shown), run(sys.executable, "-c", program, **environment).strip())


def run(*command: str, **environment: str) -> str:
    """Run a command to success and return its output."""
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
