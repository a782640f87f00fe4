"""Limits on the work that a clip may cause: limits that are checked against its index, and one that FFmpeg enforces."""

from app.media.probe import Clip

MAX_SIDE = 8192
"""The longest side of a frame, in pixels. No phone or ordinary camera records larger frames."""

MAX_FRAME_RATE = 250
"""Average frames per second. Phones record slow motion at 240."""

MAX_DECODED_PIXELS = 130_000_000_000
"""The maximum of frames times pixels per frame. A minute of 8192x8192 at 30 fps has 121 billion pixels, and a minute of
8192x4320 at 60 fps has 127 billion. An index may list one packet many times, so that even a 300 kB file could require
far more decoding."""

_SPARE = 2
"""A factor of tolerance: coded frames exceed displayed ones by up to a block, and their size may vary in mid-stream."""


def is_too_much_work(clip: Clip) -> bool:
    """Whether a clip has more frames per second, or more pixels in total, than a genuine recording."""
    too_fast = clip.pictures > MAX_FRAME_RATE * clip.duration_seconds
    return too_fast or clip.pictures * clip.pixels > MAX_DECODED_PIXELS


def max_pixels(clip: Clip) -> int:
    """Return the size, in pixels, of the largest frame that FFmpeg may decode.

    Frames may be larger than the index states. With this limit, all frames together have at most `MAX_DECODED_PIXELS`
    or twice as many pixels as the index states, whichever is more.
    """
    fair_share = MAX_DECODED_PIXELS // max(1, clip.pictures)
    return max(_SPARE * clip.pixels, min(MAX_SIDE * MAX_SIDE, fair_share))
