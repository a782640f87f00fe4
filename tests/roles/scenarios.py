"""Molecule scenarios of the roles that call AWS; each run uses a separate mock AWS."""

import subprocess

from demo.ports import free_port
from rehearsal.operator.playbooks import REPOSITORY
from tests import scenarios

ROLES = sorted(path.parents[2].name for path in REPOSITORY.glob("roles/aws_*/molecule/default/molecule.yml"))


def run_scenario(role: str, name: str = "default", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the complete scenario and return its result, even if it fails."""
    return scenarios.run_scenario(role, name, {"MOTO_PORT": str(free_port()), **environment})
