"""Scenario 8: the backlog grows, extra workers come, the backlog shrinks, they go, and no render is interrupted."""

from tests.rehearsal.people import Person, clip
from tests.rehearsal.rehearsal import Rehearsal

CLIPS = 18
GROW_SECONDS = 600
DONE_SECONDS = 1800
SHRINK_SECONDS = 900


def play(site: Rehearsal) -> dict[str, object]:
    """More clips at once than one worker is meant to have."""
    site.operator.succeed("roll_release", aws_worker_extra_max="2")
    player = Person.new(site)
    videos = [player.upload(clip(), f"Clip {number}") for number in range(1, CLIPS + 1)]
    came = site.wait(lambda: bool(site.instances("extra_worker")), what="an extra worker", seconds=GROW_SECONDS)
    done = site.wait(lambda: all(map(player.is_done, videos)), what="the renders", seconds=DONE_SECONDS)
    left = site.wait(lambda: not site.instances("extra_worker"), what="their end", seconds=SHRINK_SECONDS)
    (worker,) = site.instances("worker")
    rescued = site.on(worker, "journalctl --no-pager --unit rising-stars-upkeep | grep -c job_rescued || true")
    assert rescued == "0"
    site.operator.succeed("roll_release")
    return {"extra_worker_after_seconds": came, "all_done_after_seconds": done, "gone_after_seconds": left}
