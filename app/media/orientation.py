"""The orientation of a video: the rotation and mirroring in an MP4's matrices, as FFmpeg filters.

FFmpeg's automatic rotation puts its filters first in the graph, where a mid-stream change of the frame size would make
them read beyond a frame. So this platform rotates after scaling.
"""

import math
from dataclasses import dataclass

Matrix = tuple[float, float, float, float]
"""a, b, c, d: a stored pixel (x, y) is shown at (a·x + c·y, b·x + d·y), plus a shift (ISO/IEC 14496-12, 8.2.2)."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How to show a video upright: mirror it left to right if needed, then rotate it clockwise."""

    mirrored: bool = False
    turn_degrees: int = 0
    """0, 90, 180 or 270."""

    @property
    def swaps_sides(self) -> bool:
        """Whether the stored width is the displayed height."""
        return self.turn_degrees in {90, 270}

    @property
    def filters(self) -> list[str]:
        """The FFmpeg filters that make the video upright."""
        return _FILTERS[self.mirrored, self.turn_degrees]


UPRIGHT = Orientation()

_FILTERS = {
    (False, 0): [],
    (False, 90): ["transpose=clock"],
    (False, 180): ["hflip", "vflip"],
    (False, 270): ["transpose=cclock"],
    (True, 0): ["hflip"],
    (True, 90): ["hflip", "transpose=clock"],
    (True, 180): ["vflip"],
    (True, 270): ["hflip", "transpose=cclock"],
}


def orientation_of(track: Matrix, movie: Matrix) -> Orientation:
    """Return the one of the eight orientations that is nearest to the product of the track's and the movie's matrix.

    A singular matrix (all zero, or missing) means the stored orientation.
    """
    a, b, c, d = _product(track, movie)
    determinant = a * d - b * c
    if determinant == 0:
        return UPRIGHT
    mirrored = determinant < 0
    if mirrored:
        a, b = -a, -b
    turn = math.degrees(math.atan2(b, a))
    return Orientation(mirrored, round(turn / 90) % 4 * 90)


def _product(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d = first
    e, f, g, h = then if any(then) else IDENTITY
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h
