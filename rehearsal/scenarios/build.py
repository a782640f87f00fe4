"""Scenario 1: a first run builds and verifies the site, a second changes nothing, and a plan shows no change.

Each of the runbook's `aws` commands that can run on mock AWS shows something on the complete site.
"""

from rehearsal.operator import runbook
from rehearsal.operator.whole_site import ENVIRONMENT
from rehearsal.site import Rehearsal


def play(site: Rehearsal) -> dict[str, object]:
    """Run site.yml twice, and once in check mode. Then run the runbook's commands."""
    figures = first_run(site)
    again = site.operator.succeed("site")
    assert again.changes == [], again.changes
    plan = site.operator.succeed("site", "--check", "--diff")
    assert plan.changes == [], plan.changes
    assert plan.writes == {}, plan.writes
    silent = runbook.silent_commands(site.operator.aws, ENVIRONMENT)
    assert silent == [], silent
    return {**figures, "second_run_seconds": round(again.seconds), "plan_seconds": round(plan.seconds)}


def first_run(site: Rehearsal) -> dict[str, object]:
    """Run site.yml, which builds the site in an empty account and verifies it."""
    run = site.operator.succeed("site")
    assert "verified: sign-up, upload, render, vote and ranking" in run.output
    return {"first_run_seconds": round(run.seconds)}
