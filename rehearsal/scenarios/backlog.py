"""Scenario 8: extra workers start when the backlog grows and stop when it shrinks; no render is interrupted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rehearsal.hosts.podman import PodmanError
from rehearsal.people import Person, clip
from rehearsal.site import Rehearsal

CLIPS = 18
GROW_SECONDS = 600
DONE_SECONDS = 1800
SHRINK_SECONDS = 900
LOOK_SECONDS = 2
STARTED = "journalctl --no-pager --output cat --unit rising-stars-worker | grep --count render_started || true"


@dataclass
class Renders:
    """The number of renders that each worker had started when its journal was last read."""

    site: Rehearsal
    begun: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Read each running worker's count, and retain the last count of a worker that is no longer running."""
        for role in ("worker", "extra_worker"):
            for each in self.site.instances(role):
                try:
                    self.begun[each.id] = int(self.site.on(each, STARTED))
                except PodmanError:
                    continue

    def until(self, done: Callable[[], bool], *, what: str, seconds: float) -> float:
        """Read the counts repeatedly until `done` returns True, and return how many seconds that took."""

        def looked() -> bool:
            self.look()
            time.sleep(LOOK_SECONDS)
            return done()

        return self.site.wait(looked, what=what, seconds=seconds)


def play(site: Rehearsal) -> dict[str, object]:
    """Upload more clips than the scaling target allows for one worker, and check that no render is restarted."""
    site.operator.succeed("roll_release", aws_worker_extra_max="2")
    player, renders = Person.new(site), Renders(site)
    renders.look()
    before = sum(renders.begun.values())
    videos = [player.upload(clip(), f"Clip {number}") for number in range(1, CLIPS + 1)]
    started = renders.until(lambda: bool(site.instances("extra_worker")), what="an extra worker", seconds=GROW_SECONDS)
    done = renders.until(lambda: all(map(player.is_done, videos)), what="the renders", seconds=DONE_SECONDS)
    left = renders.until(lambda: not site.instances("extra_worker"), what="their end", seconds=SHRINK_SECONDS)
    assert sum(renders.begun.values()) - before == CLIPS, renders.begun
    assert len(renders.begun) > 1
    site.operator.succeed("roll_release")
    helped = sum(count for name, count in renders.begun.items() if name != site.instances("worker")[0].id)
    return {
        "extra_worker_after_seconds": started,
        "all_done_after_seconds": done,
        "gone_after_seconds": left,
        "rendered_by_extra_workers": helped,
    }
