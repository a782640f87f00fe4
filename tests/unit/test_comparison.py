"""A benchmark names the figures that got worse since the previous result."""

import json
from pathlib import Path

import pytest

from testing import figures
from testing.comparison import got_worse

BEFORE = {
    "ranking_per_second": 1000,
    "ranking_p99_ms": 50.0,
    "growth_mib": 28.9,
    "statements": 1,
    "ranking_cpu_us": 700,
}


@pytest.mark.parametrize(
    ("after", "worse"),
    [
        (BEFORE, []),
        ({"ranking_per_second": 850}, ["ranking_per_second: 1000 → 850 (-15 %)"]),
        ({"ranking_per_second": 1200, "ranking_p99_ms": 54.0}, []),
        ({"ranking_p99_ms": 100.0, "ranking_cpu_us": 500}, ["ranking_p99_ms: 50.0 → 100.0 (+100 %)"]),
        ({"statements": 5, "unknown_ms": 5.0, "growth_mib": "?"}, []),
    ],
)
def test_figures_are_worse_in_the_direction_that_their_names_say(after: dict[str, object], worse: list[str]) -> None:
    assert list(got_worse(BEFORE, after)) == worse


def test_a_benchmark_prints_what_got_worse_since_its_previous_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    figures.keep("reads", {"ranking_per_second": 1000})
    assert "worse" not in capsys.readouterr().out
    figures.keep("reads", {"ranking_per_second": 500})
    assert "worse than before by more than 10 %:\n  ranking_per_second: 1000 → 500 (-50 %)" in capsys.readouterr().out
    assert json.loads((tmp_path / "reads.json").read_text())["ranking_per_second"] == 500
