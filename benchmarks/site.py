"""Measure an operator's playbook runs on mock AWS: build a whole site, run site.yml again, and destroy the site.

The figures are seconds, AWS module calls (from the run's summary) and AWS API calls. moto creates resources
immediately; on AWS, the creation of a database, a load balancer and a machine image takes additional time.
"""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.parts import running_bench
from rehearsal.aws.server import MockAws
from rehearsal.operator.account import release_in, running_account
from rehearsal.operator.whole_site import ENVIRONMENT, Operator, Run, machines
from testing.figures import keep

MODULE_CALLS_BOUND = 70
"""The maximum number of AWS module calls in a second run."""
FASTEST = {"RENDER_PRESET": "ultrafast", "RENDER_PROFILE": "lite"}
"""Settings for a fast render. Each run verifies the site with a clip, but this benchmark does not measure rendering."""


def main() -> None:
    """Measure the three runs and write the figures."""
    with tempfile.TemporaryDirectory(prefix="rising-stars-bench-") as folder, _operator(Path(folder)) as operator:
        first = _succeed(operator, "site")
        second = _succeed(operator, "site")
        destroy = _succeed(operator, "destroy_infrastructure", confirm=ENVIRONMENT, purge="true")
    if second.changes:
        raise RuntimeError(f"The second run changed something: {second.changes}")
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
    """Yield an operator with an empty AWS account and a release. The playbooks verify a local API, not the site's."""
    with running_account(folder) as aws, machines(aws), _platform(aws) as url:
        yield Operator(aws, {**release_in(folder), "verify_site_url": url})


@contextmanager
def _platform(aws: MockAws) -> Iterator[str]:
    """Run an API and a worker with the site's verification secret, and yield the API's URL."""
    secret = secrets.token_hex(24)
    aws.client("secretsmanager").create_secret(Name=f"rising-stars/{ENVIRONMENT}/verification", SecretString=secret)
    with running_bench() as bench:
        configured = replace(bench, environment={**bench.environment, **FASTEST, "VERIFICATION_SECRET": secret})
        configured.start("rising-stars-worker")
        url, _ = configured.start_api(threads=4)
        yield url
