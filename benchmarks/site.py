"""What the whole site costs an operator: built from nothing, run again, unbuilt, on an AWS of tests.

Seconds, calls of AWS modules (as the run's summary counts them) and calls of AWS. Moto makes things at once: AWS itself
takes its time over a database, a load balancer and a machine image, and that comes on top.
"""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.parts import ground
from rehearsal.aws.server import MockAws
from rehearsal.operator.account import release_in, running_account
from rehearsal.operator.whole_site import ENVIRONMENT, Operator, Run, machines
from testing.figures import keep

MODULE_CALLS_BOUND = 70
"""Of a second run."""
FASTEST = {"RENDER_PRESET": "ultrafast", "RENDER_PROFILE": "lite"}
"""The verification's clip is rendered, but how fast is another benchmark's matter."""


def main() -> None:
    """Measure the three runs and keep the figures."""
    with tempfile.TemporaryDirectory(prefix="rising-stars-bench-") as folder, _operator(Path(folder)) as operator:
        first = _succeed(operator, "site")
        second = _succeed(operator, "site")
        destroy = _succeed(operator, "destroy_infrastructure", confirm=ENVIRONMENT, purge="true")
    if second.changes:
        raise RuntimeError(f"the second run changed something: {second.changes}")
    keep(
        "site",
        {
            **_figures("first_run", first),
            **_figures("second_run", second),
            "second_run_module_calls_bound": MODULE_CALLS_BOUND,
            **_figures("destroy", destroy),
        },
    )


def _succeed(operator: Operator, playbook: str, **settings: str) -> Run:
    run = operator.run(playbook, **settings)
    if run.code != 0:
        raise RuntimeError(f"{playbook} failed:\n{run.output[-8000:]}")
    return run


def _figures(name: str, run: Run) -> dict[str, object]:
    return {
        f"{name}_seconds": round(run.seconds),
        f"{name}_module_calls": run.module_calls,
        f"{name}_aws_calls": len(run.calls),
    }


@contextmanager
def _operator(folder: Path) -> Iterator[Operator]:
    """Somebody with an empty account, a release, and a platform that stands in for the machines when it is verified."""
    with running_account(folder) as aws, machines(aws), _platform(aws) as url:
        yield Operator(aws, {**release_in(folder), "verify_site_url": url})


@contextmanager
def _platform(aws: MockAws) -> Iterator[str]:
    """Its API and a worker, which know the site's verification secret; the API's address."""
    secret = secrets.token_hex(24)
    aws.client("secretsmanager").create_secret(Name=f"rising-stars/{ENVIRONMENT}/verification", SecretString=secret)
    with ground() as parts:
        knowing = replace(parts, environment={**parts.environment, **FASTEST, "VERIFICATION_SECRET": secret})
        knowing.start("rising-stars-worker")
        url, _ = knowing.start_api(threads=4)
        yield url
