"""A role's molecule scenario, run from its beginning to its end."""

import os
import subprocess
import sys
from pathlib import Path

from demo.ports import free_port
from tests.roles.playbooks import REPOSITORY

MOLECULE = Path(sys.executable).with_name("molecule")
ROLES = sorted(path.parents[2].name for path in REPOSITORY.glob("roles/aws_*/molecule/default/molecule.yml"))


def run_scenario(role: str, name: str = "default", **environment: str) -> subprocess.CompletedProcess[str]:
    """`molecule test`, on an AWS of its own and whatever comes of it; standard error is in its output."""
    return subprocess.run(
        [MOLECULE, "test", "-s", name],
        cwd=REPOSITORY / "roles" / role,
        env={
            **os.environ,
            "MOTO_PORT": str(free_port()),
            "NO_COLOR": "1",
            "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{MOLECULE.parent}:{os.environ['PATH']}",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
