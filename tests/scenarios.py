"""Runs a role's complete molecule scenario."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
MOLECULE = Path(sys.executable).with_name("molecule")


def run_scenario(
    role: str, name: str = "default", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `molecule test` in this process's environment plus `environment`; standard error is part of the output."""
    plain = {"NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "PATH": f"{MOLECULE.parent}:{os.environ['PATH']}"}
    return subprocess.run(
        [MOLECULE, "test", "--scenario-name", name],
        cwd=REPOSITORY / "roles" / role,
        env={**os.environ, **(environment or {}), **plain},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
