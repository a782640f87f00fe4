"""schemathesis finds nothing: the API accepts, rejects and returns what its document says (fuzz/schemathesis.toml)."""

import subprocess
from pathlib import Path

import pytest

from fuzz import plan
from testing.homes import PROGRAMS
from testing.sites import Site

RULES = Path(__file__).parents[2] / "fuzz/schemathesis.toml"
EXAMPLES = 5
"""Generated requests per operation in `make test`, besides those that schemathesis derives from the schemas."""

pytestmark = [pytest.mark.either_backend, pytest.mark.timeout(0 if plan.LONG else 300)]


def test_schemathesis_finds_nothing(site: Site, tmp_path: Path) -> None:
    command = [
        *(str(PROGRAMS / "st"), "--config-file", str(RULES), "run", f"{site.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {site.sign_up().access_token}"),
        *("--phases", "examples,coverage,fuzzing,stateful" if plan.LONG else "coverage,fuzzing"),
        *("--max-examples", str(plan.how_many(EXAMPLES)), "--seed", str(plan.SEED), "--no-color"),
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
