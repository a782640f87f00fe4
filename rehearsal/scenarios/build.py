"""Scenario 1: a first run builds and verifies the site, a second one changes nothing, a plan shows nothing."""

from rehearsal.site import Rehearsal


def play(site: Rehearsal) -> dict[str, object]:
    """Run site.yml twice, and once as a plan."""
    figures = first_run(site)
    again = site.operator.succeed("site")
    assert again.changes == [], again.changes
    plan = site.operator.succeed("site", "--check", "--diff")
    assert plan.changes == [], plan.changes
    assert plan.writes == {}, plan.writes
    return {**figures, "second_run_seconds": round(again.seconds), "plan_seconds": round(plan.seconds)}


def first_run(site: Rehearsal) -> dict[str, object]:
    """Build from nothing; the run verifies what it built."""
    run = site.operator.succeed("site")
    assert "verified: sign-up, upload, render, vote and ranking" in run.output
    return {"first_run_seconds": round(run.seconds)}
