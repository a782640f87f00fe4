"""Measures the picture and sound of rendered clips."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pytest

from app.media.ffmpeg import find_ffmpeg
from app.media.profiles import PROFILES
from testing.programs import system_ffmpeg

FFMPEG = find_ffmpeg(None)
PACKAGED_FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
ENGINES: dict[str, Callable[[], Path]] = {"system": system_ffmpeg, "packaged": lambda: PACKAGED_FFMPEG}
"""A function that finds each FFmpeg: Debian's FFmpeg 5.1 on hosts, and imageio-ffmpeg's FFmpeg 9 on embedded sites."""

ENGINE_PARAMS = [pytest.param("system", marks=pytest.mark.slow), "packaged"]
"""The names in `ENGINES` as parameters of a fixture: `make test` renders with one FFmpeg, CI with both."""


@contextmanager
def small_profiles() -> Iterator[None]:
    """Let both profiles render 640x360 pixels in this process, for tests that do not depend on the size."""
    with pytest.MonkeyPatch.context() as patched:
        for name, profile in PROFILES.items():
            patched.setitem(PROFILES, name, replace(profile, width=640, height=360))
        yield


def colour_at(video: Path, seconds: float, spot: tuple[float, float]) -> tuple[float, float, float]:
    """Return the mean Y, Cb and Cr of 16x16 pixels around a spot, given in fractions of width and height."""
    crop = f"crop=16:16:{spot[0]}*iw-8:{spot[1]}*ih-8,format=yuv420p"
    seek = ["-ss", str(seconds)] if seconds else []
    output = ["-vf", crop, "-frames:v", "1", "-f", "rawvideo", "-"]
    command: list[str | Path] = [FFMPEG, "-v", "error", *seek, "-i", video, *output]
    pixels = subprocess.run(command, check=True, capture_output=True).stdout
    assert len(pixels) == 384
    planes = pixels[:256], pixels[256:320], pixels[320:]
    y, cb, cr = (sum(plane) / len(plane) for plane in planes)
    return y, cb, cr


def loudness(video: Path, filters: str = "") -> float:
    """Return the integrated loudness in LUFS that FFmpeg's EBU R128 meter measures over the whole video.

    `filters` (each followed by a comma) are applied before the meter.
    """
    command: list[str | Path] = [
        FFMPEG,
        "-nostats",
        "-hide_banner",
        "-i",
        video,
        "-vn",
        "-af",
        f"{filters}ebur128",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return float(re.findall(r"^\s+I:\s+(-?[\d.]+) LUFS", said, re.MULTILINE)[-1])


def sample_durations(video: Path) -> set[int]:
    """Return the distinct frame durations of the first track (its `stts` box)."""
    content = video.read_bytes()
    at = content.index(b"stts") + 8
    count = int.from_bytes(content[at : at + 4], "big")
    return {int.from_bytes(content[at + 8 + 8 * n : at + 12 + 8 * n], "big") for n in range(count)}


def jpeg_size(picture: Path) -> tuple[int, int]:
    """Return the width and height in a JPEG's frame header."""
    content = picture.read_bytes()
    assert content[:3] == b"\xff\xd8\xff"
    assert content[-2:] == b"\xff\xd9"
    at = content.index(b"\xff\xc0") + 5
    return int.from_bytes(content[at + 2 : at + 4], "big"), int.from_bytes(content[at : at + 2], "big")


def sound_seconds(video: Path) -> float:
    """Return the duration of the audio in seconds, from the size of its decoded 16-bit stereo samples at 48 kHz."""
    command: list[str | Path] = [FFMPEG, "-v", "error", "-i", video, "-vn", "-f", "s16le", "-c:a", "pcm_s16le", "-"]
    return len(subprocess.run(command, check=True, capture_output=True).stdout) / (48_000 * 2 * 2)


def colour_in_picture(picture: Path, spot: tuple[float, float]) -> tuple[float, float, float]:
    crop = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,crop=16:16:{spot[0]}*iw-8:{spot[1]}*ih-8"
    command: list[str | Path] = [
        FFMPEG,
        "-v",
        "error",
        "-i",
        picture,
        "-vf",
        crop,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv444p",
        "-",
    ]
    pixels = subprocess.run(command, check=True, capture_output=True).stdout
    assert len(pixels) == 768
    y, cb, cr = (sum(pixels[at : at + 256]) / 256 for at in (0, 256, 512))
    return y, cb, cr
