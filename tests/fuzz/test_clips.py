"""Upload and render mutated MP4s. `make fuzz SEED=n COUNT=m` runs the long form and saves its table."""

import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from fuzz import plan, tally
from fuzz.mutations import KINDS
from fuzz.renders import render_mutant
from fuzz.tally import Verdict
from fuzz.uploads import left_behind, upload_mutant
from testing.clips import SILENCE, make_clip
from testing.sites import Site

AT_ONCE = 2
BATCH = 20
UPLOADS, RENDERS = 54, 15
"""The numbers of mutants that `make test` uploads and renders."""

pytestmark = pytest.mark.timeout(0 if plan.LONG else 300)


def of_seed(clips: Sequence[bytes], seed: int) -> bytes:
    """Return the clip to mutate. Consecutive seeds use one clip with each kind of mutation, then the next clip."""
    return clips[seed // len(KINDS) % len(clips)]


def run_at_once(act: Callable[[int], Verdict], seeds: Sequence[int]) -> list[Verdict]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(act, seeds))


def report(way: str, verdicts: Sequence[Verdict]) -> None:
    """Print the table of verdicts; the long form also saves it."""
    sys.stdout.writelines(f"{line}\n" for line in ("", way, *tally.lines(verdicts), *tally.faults(verdicts)))
    if plan.LONG:
        tally.keep(way, verdicts, seed=plan.SEED, count=len(verdicts))


@pytest.fixture(scope="module")
def large_clips(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two valid clips of a few kilobytes: one has its index (`moov`) at the end, the other at the start."""
    folder = tmp_path_factory.mktemp("large")
    behind = make_clip(folder / "behind.mp4", fps=1, picture="color=c=orange", audio=None, seconds=30)
    front = make_clip(folder / "front.mp4", fps=1, picture="color=c=orange", audio=SILENCE, faststart=True)
    return [behind.read_bytes(), front.read_bytes()]


@pytest.fixture(scope="module")
def tiny_clips(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two clips that render within a second. They are too small and too short for the API, but not for the renderer."""
    folder = tmp_path_factory.mktemp("tiny")
    behind = make_clip(folder / "behind.mp4", seconds=1, width=320, height=180, fps=5)
    front = make_clip(
        folder / "front.mp4", seconds=2, width=180, height=320, fps=3, faststart=True, variable_frame_rate=True
    )
    return [behind.read_bytes(), front.read_bytes()]


@pytest.mark.only_on("embedded")
def test_a_mutated_clip_is_refused_without_a_trace_or_kept_whole(
    site: Site, large_clips: list[bytes], tmp_path: Path
) -> None:
    player = site.sign_up()
    verdicts: list[Verdict] = []
    traces: list[str] = []
    seeds = plan.seeds(UPLOADS)
    for first in range(0, len(seeds), BATCH):
        before = site.bucket.stored_keys()
        batch = run_at_once(
            lambda seed: upload_mutant(seed, of_seed(large_clips, seed), player, tmp_path), seeds[first:][:BATCH]
        )
        verdicts += batch
        traces += [f"seeds {batch[0].seed} to {batch[-1].seed}: {trace}" for trace in left_behind(site, batch, before)]
    report("uploads", verdicts)
    assert tally.faults(verdicts) + traces == []
    assert {"accepted", "refused: type"} <= {verdict.outcome for verdict in verdicts}
    assert site.api.get("/ready").status_code == 200


def test_a_mutated_clip_is_rendered_correctly_or_refused_within_its_limits(
    tiny_clips: list[bytes], tmp_path: Path
) -> None:
    # Compare only direct children: every program that a render starts is a direct child, whereas PostgreSQL's own
    # processes, which are not, come and go.
    children = {child.pid for child in psutil.Process().children()}

    def render(seed: int) -> Verdict:
        folder = tmp_path / str(seed)
        folder.mkdir()
        verdict = render_mutant(seed, of_seed(tiny_clips, seed), folder)
        shutil.rmtree(folder)
        return verdict

    # The short form takes every second seed, so that its few renders include mutations of bytes, boxes and headers.
    seeds = plan.seeds(RENDERS) if plan.LONG else [seed * 2 for seed in plan.seeds(RENDERS)]
    verdicts = run_at_once(render, seeds)
    report("renders", verdicts)
    assert tally.faults(verdicts) == []
    assert {"rendered", "refused"} <= {verdict.outcome for verdict in verdicts}
    assert [child for child in psutil.Process().children() if child.pid not in children] == []
