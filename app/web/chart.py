"""The chart of a ranking: bars, as SVG, drawn on the server."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.showcase.rankings import Standing

BARS = 10
ROW, BAR, WIDTH = 36, 11, 360
"""Height of a row, height of its bar, and width of the chart, in SVG units."""

ROOM_FOR_VOTES = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """A player's bar; its place and width are in SVG units."""

    standing: Standing
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of the first players."""

    bars: list[Bar]
    width: int
    height: int
    row: int = ROW
    bar: int = BAR


def draw_chart(standings: Sequence[Standing]) -> Chart:
    """Return the chart of the first ten players, scaled so that the first bar fills the width."""
    first = standings[:BARS]
    most = max((standing.votes for standing in first), default=0)
    longest = WIDTH - ROOM_FOR_VOTES
    bars = [
        Bar(standing, place * ROW, max(2, longest * standing.votes // most) if most else 2)
        for place, standing in enumerate(first)
    ]
    return Chart(bars, WIDTH, len(first) * ROW)
