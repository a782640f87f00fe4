"""Scenario 6: a release is rolled out, a broken one is rolled back, and the site's first release is restored.

Readers and an uploader send requests during every rollout. Voters also vote during the first one. No request may fail.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from rehearsal.hosts.bundles import Bundle, release_with
from rehearsal.operator.whole_site import Run
from rehearsal.people import Errand, Person, Traffic, clip, reading
from rehearsal.releases import break_api, mark
from rehearsal.scenarios.upload_to_vote import RENDER_SECONDS
from rehearsal.site import Rehearsal

STEPS = ("publish_release", "bake_image", "roll_release")
VOTERS = 12
VOTE_SECONDS = 10
UPLOAD_SECONDS = 30
SETTLE_SECONDS = 300


def play(site: Rehearsal) -> dict[str, object]:
    """Roll out a good release and a broken one; then roll back to the good release and to the first one."""
    (first,) = releases(site)
    with tempfile.TemporaryDirectory(prefix="rising-stars-release-") as folder:
        good = release_with(mark, Path(folder, "good"))
        broken = release_with(break_api, Path(folder, "broken"))
        rolled = roll(site, good)
        assert releases(site) == {good.version}
        refused = roll_broken(site, broken, good)
    for earlier in (good.version, first):
        with busy(site) as traffic:
            run = site.operator.succeed("roll_back", version=earlier)
        assert traffic.failures == {}, traffic.outcomes
        site.wait(partial(is_deployed, site, earlier), what="the earlier release", seconds=SETTLE_SECONDS)
    return {**rolled, **refused, "roll_back_seconds": round(run.seconds)}


def roll(site: Rehearsal, release: Bundle) -> dict[str, object]:
    """Roll a release out to every machine while voters vote, and check that every vote is counted."""
    player = Person.new(site)
    video_id = player.upload(clip(), "To vote for")
    site.wait(lambda: player.is_done(video_id), what="the render", seconds=RENDER_SECONDS)
    voters = iter([Person.new(site) for _ in range(VOTERS)])
    with busy(site, Errand(lambda _client: next(voters).vote(video_id), VOTE_SECONDS)) as traffic:
        run = deploy(site, release)
    assert run.code == 0, run.output[-6000:]
    assert traffic.failures == {}, traffic.outcomes
    votes, left = player.video(video_id)["votes"], len(list(voters))
    assert votes == VOTERS - left, (votes, left)
    return {"requests": traffic.total, "failed": 0, "votes": votes, "roll_seconds": round(run.seconds)}


def roll_broken(site: Rehearsal, broken: Bundle, in_service: Bundle) -> dict[str, object]:
    """Roll out a release whose API does not start. Check that the run fails and no web machine is replaced."""
    hosts = {each.id for each in site.instances("web")}
    with busy(site) as traffic:
        run = deploy(site, broken)
    assert run.code != 0
    assert "roll" in run.output.lower()
    assert traffic.failures == {}, traffic.outcomes
    assert {each.id for each in site.instances("web")} == hosts
    assert {each.tags["Release"] for each in site.instances("web")} == {in_service.version}
    return {"refused_after_seconds": round(run.seconds)}


def deploy(site: Rehearsal, release: Bundle) -> Run:
    """Run site.yml's playbooks for a release until one fails, and return the last run with the total duration."""
    settings = {"aws_release_version": release.version, "aws_release_bundle": str(release.path)}
    seconds = 0.0
    for step in STEPS:
        run = site.operator.run(step, **settings)
        seconds += run.seconds
        if run.code != 0:
            break
    return replace(run, seconds=seconds)


@contextmanager
def busy(site: Rehearsal, *errands: Errand) -> Iterator[Traffic]:
    """Run readers, an uploader and `errands` until the `with` block ends."""
    player = Person.new(site)
    sending = Errand(lambda _client: player.send(clip(), "During the roll"), UPLOAD_SECONDS)
    with Traffic(site, [*reading(2, per_second=5), sending, *errands]) as traffic:
        yield traffic


def is_deployed(site: Rehearsal, version: str) -> bool:
    """Whether every machine runs this release."""
    return releases(site) == {version}


def releases(site: Rehearsal) -> set[str]:
    """Return the releases that the site's machines run."""
    return {each.tags.get("Release", "") for role in ("web", "worker") for each in site.instances(role)}
