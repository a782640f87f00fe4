"""One run: start a site with clients, inject faults, heal, wait for the recovery, and check the invariants."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from faults import aftermath
from faults.bells import BellWatch
from faults.clients import PATIENCE_SECONDS, Crowd, Player
from faults.clips import make_clips
from faults.evidence import Evidence, Violation, gather
from faults.history import History
from faults.invariants import check
from faults.nemesis import Nemesis
from faults.pace import Pace
from faults.schedule import Step
from faults.servers import Servers
from faults.site import Site

WARM_SECONDS = 60.0
WARMERS = 16
"""Enough clients to make every thread of both APIs hash a password: the baseline must include the memory for that."""

WARM_UPLOADS = 4
AFTERWARDS_SECONDS = 3.0
"""The clients continue for this long after the last fault has healed, to show that the site still accepts work."""

VISITORS_SECONDS = 2 * PATIENCE_SECONDS
"""Enough time for a request that times out because of a fault, and for the retry after the fault has healed."""


@dataclass(frozen=True)
class Verdict:
    """The result of a run."""

    seed: int
    folder: Path
    violations: dict[str, list[Violation]]
    broken: list[str]
    """Errors in the harness."""
    bound_seconds: float
    recovered_seconds: float | None
    """The time from the clients' last request until every job had finished; None if it exceeded the recovery bound."""
    evidence: Evidence

    @property
    def held(self) -> bool:
        return not self.violations and not self.broken


class Run:
    """A site under test, with one seed. Inside the `with` block, call `inject` and `judge`, or use `site` directly."""

    def __init__(
        self, folder: Path, servers: Servers, *, seed: int, pace: Pace | None = None, sabotage: str | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.seed = seed
        self.pace = pace or Pace()
        self.history = History(folder / "history.jsonl")
        clips = make_clips(folder / "clips")
        self.site = Site(folder, servers, self.history, clips, pace=self.pace, sabotage=sabotage)
        self.baseline = aftermath.Baseline()
        self.broken: list[str] = []
        self._stack = ExitStack()
        self._bound = self.pace.bound(1)
        self._recovered: float | None = None

    def __enter__(self) -> Self:
        try:
            self._stack.callback(self.history.close)
            self._stack.callback(self.site.close)
            self.site.start()
            BellWatch(self.site)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def visitor(self, name: str) -> Player:
        """Return a player that a test controls; it is closed when the run ends."""
        player = Player(name, self.site, self.seed, self.site.over)
        self._stack.callback(player.close)
        return player

    def warm_up(self) -> None:
        """Let clients use the site until its processes use their usual amount of memory, and take the baseline."""
        players = [Player(f"warmer-{number}", self.site, self.seed, self.site.over) for number in range(WARMERS)]
        with ThreadPoolExecutor(WARMERS) as threads:
            list(threads.map(_warm, players))
        self.site.until(lambda: self.site.ledger.unfinished(1) == 0, WARM_SECONDS)
        self.baseline.take(self.site)

    def inject(self, steps: Sequence[Step], *, calm: bool = False) -> None:
        """Run clients and faults until the last fault is healed, then clients alone for a few seconds."""
        crowd, nemesis = Crowd(self.site, self.seed), Nemesis(self.site, steps)
        crowd.start()
        try:
            nemesis.run_one_at_a_time() if calm else nemesis.run()
            self.site.sleep(AFTERWARDS_SECONDS)
        finally:
            crowd.finish()
        self._wait_for_visitors()
        self.broken += nemesis.broken + crowd.broken

    def _wait_for_visitors(self) -> None:
        """Wait until the nemesis' uploads have ended, so that none changes the evidence; report unfinished ones."""
        deadline = self.history.now + VISITORS_SECONDS
        for visitor in self.site.visitors:
            visitor.join(max(0.0, deadline - self.history.now))
            if visitor.is_alive():
                self.broken.append(f"a {visitor.name} was still sending a clip after {VISITORS_SECONDS:g} s")

    def wait_for_recovery(self) -> None:
        """Wait until every job has finished, but no longer than the recovery bound."""
        began, unfinished = self.history.now, self.site.ledger.unfinished()
        self._bound = self.pace.bound(unfinished)
        self.history.note("harness", "waiting", unfinished=unfinished, bound=self._bound)
        if self.site.until(lambda: self.site.ledger.unfinished(1) == 0, self._bound):
            self._recovered = self.history.now - began
            self.history.note("harness", "recovered", seconds=round(self._recovered, 2))
        else:
            left = self.site.ledger.unfinished()
            self.history.note("harness", "not_recovered", unfinished=left, seconds=self._bound)

    def judge(self, *, sweep: bool = True) -> Verdict:
        """Wait for the recovery, sweep, and check every invariant."""
        self.wait_for_recovery()
        evidence = gather(self.site.ledger, self.history)
        aftermath.examine_store(self.site, evidence)
        if sweep and self._recovered is not None:
            aftermath.sweep(self.site)
            evidence.doctors_findings = aftermath.run_doctor(self.site)
            evidence.leftovers = list(aftermath.leftovers(self.site, evidence, self.baseline))
        return Verdict(self.seed, self.folder, check(evidence), self.broken, self._bound, self._recovered, evidence)


def _warm(player: Player) -> None:
    account = player.sign_up()
    number = int(player.name.rpartition("-")[2])
    if account is not None and number < WARM_UPLOADS:
        player.upload(account, player.site.clips.sound[number % 4], f"{player.name}-{account.id}")
    player.sign_up()
    player.close()
