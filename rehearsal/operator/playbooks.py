"""Run playbooks as an operator does, on this machine and with this process's Python."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("ansible-playbook")


def run_playbook(
    playbook: Path, *options: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a playbook against localhost, and return its result; `env` is added to this process's environment."""
    interpreter = f"ansible_python_interpreter={sys.executable}"
    command = [str(PROGRAM), "-i", "localhost,", "-c", "local", "-e", interpreter, *options, str(playbook)]
    settings = {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", **(env or {})}
    return subprocess.run(
        command, env={**os.environ, **settings}, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def play(playbook: Path, *options: str, env: Mapping[str, str] | None = None) -> str:
    """Run a playbook that must succeed, and return its output."""
    done = run_playbook(playbook, *options, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
