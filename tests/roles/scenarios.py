"""The scenarios of the roles that call AWS: each on an AWS of its own."""

import subprocess

from demo.ports import free_port
from rehearsal.operator.playbooks import REPOSITORY
from tests import scenarios

ROLES = sorted(path.parents[2].name for path in REPOSITORY.glob("roles/aws_*/molecule/default/molecule.yml"))


def run_scenario(role: str, name: str = "default", **environment: str) -> subprocess.CompletedProcess[str]:
    """From its beginning to its end, whatever comes of it."""
    return scenarios.run_scenario(role, name, {"MOTO_PORT": str(free_port()), **environment})
