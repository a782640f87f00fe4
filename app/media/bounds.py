"""How much work a clip may be for a decoder, by what its index says, and what FFmpeg is held to whatever that says."""

from app.media.probe import Clip

MAX_SIDE = 8192
"""Pixels. Longer than any phone or camera makes."""

MAX_FRAME_RATE = 250
"""Pictures a second, on average: phones film slow motion at 240."""

MAX_DECODED_PIXELS = 130_000_000_000
"""Pictures times pixels. A minute of 8192x8192 at 30 fps has 121 billion, of 8192x4320 at 60 fps 127 billion. An index
may name one packet again and again, so a file of 300 kB can ask for far more."""

_SPARE = 2
"""Coded pictures are larger than shown ones by up to a block, and a phone's picture may change its size a little."""


def is_too_much_work(clip: Clip) -> bool:
    """Whether a clip has more pictures a second, or more pixels in all, than an honest one."""
    too_fast = clip.pictures > MAX_FRAME_RATE * clip.duration_seconds
    return too_fast or clip.pictures * clip.pixels > MAX_DECODED_PIXELS


def max_pixels(clip: Clip) -> int:
    """The largest picture that FFmpeg may decode: the stream may hold larger ones than the index says.

    All pictures together stay within `MAX_DECODED_PIXELS`, or within twice what the index says.
    """
    fair_share = MAX_DECODED_PIXELS // max(1, clip.pictures)
    return max(_SPARE * clip.pixels, min(MAX_SIDE * MAX_SIDE, fair_share))
