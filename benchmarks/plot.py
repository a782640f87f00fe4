"""Draw line charts as SVG. The project pins no plotting library, and two charts need only axes, lines and labels."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 40, 50
ROOM_FOR_NAMES = 1.3
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line with its name. A dashed line has no marks at its points."""

    name: str
    points: Sequence[Point]
    is_dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart with one or more lines. The y-axis begins at 0."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Series]
    is_x_logarithmic: bool = False


def write_svg(path: Path, charts: Sequence[Chart], *, description: str) -> None:
    """Write the charts side by side."""
    width = WIDTH * len(charts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"',
        f'  font-family="sans-serif" font-size="12" role="img" aria-label="{escape(description)}">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
    ]
    for number, chart in enumerate(charts):
        parts += [f'<g transform="translate({number * WIDTH} 0)">', *_draw(chart), "</g>"]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>", ""]))


def _draw(chart: Chart) -> Iterator[str]:
    points = [point for line in chart.lines for point in line.points]
    xs = [_scaled(chart, x) for x, _ in points]
    low, high = (min(xs), max(xs)) if chart.is_x_logarithmic else (0.0, max(xs))
    greatest = ROOM_FOR_NAMES * max(y for _, y in points)
    step = _step(greatest)
    top = step * math.ceil(greatest / step)

    def place(x: float, y: float) -> Point:
        across = (_scaled(chart, x) - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    yield f'<text x="{LEFT}" y="20" font-weight="bold">{escape(chart.title)}</text>'
    centre = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{centre}" y="{HEIGHT - 12}" text-anchor="middle">{escape(chart.x_label)}</text>'
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(chart.y_label)}</text>'
    for number in range(round(top / step) + 1):
        _, y = place(points[0][0], number * step)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number * step:g}</text>'
    for x in sorted({x for line in chart.lines if not line.is_dashed for x, _ in line.points}):
        across, _ = place(x, 0)
        yield f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_short(x)}</text>'
    for number, line in enumerate(chart.lines):
        yield from _draw_line(line, [place(*point) for point in line.points], number)


def _draw_line(line: Series, places: Sequence[Point], number: int) -> Iterator[str]:
    colour = COLOURS[number % len(COLOURS)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dashes = ' stroke-dasharray="5 4"' if line.is_dashed else ""
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    if not line.is_dashed:
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    yield f'<text x="{LEFT + 10}" y="{TOP + 14 + 16 * number}" fill="{colour}">{escape(line.name)}</text>'


def _scaled(chart: Chart, x: float) -> float:
    return math.log10(x) if chart.is_x_logarithmic else x


def _step(greatest: float) -> float:
    """Return a round distance between grid lines: 1, 2 or 5 times a power of ten, at most six lines."""
    power: float = 10 ** math.floor(math.log10(greatest / 5))
    return next(times * power for times in (1, 2, 5, 10) if times * power * 5 >= greatest)


def _short(value: float) -> str:
    return next((f"{value / size:g} {unit}" for size, unit in ((1e6, "M"), (1e3, "k")) if value >= size), f"{value:g}")
