"""The smallest clips that the showcase accepts, and two poison clips."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from testing.clips import make_clip

COLOURS = ("orange", "navy", "teal", "maroon")
Kills = Literal["worker", "ffmpeg"]

MARKS: dict[Kills, str] = {"worker": "POISON-FOR-THE-WORKER", "ffmpeg": "POISON-FOR-FFMPEG"}
"""What a poison clip kills → its title tag. `shim.py` kills the worker or FFmpeg before FFmpeg reads the clip."""


@dataclass(frozen=True)
class Clips:
    """Clips to upload. Each file is a few kilobytes in size."""

    sound: tuple[Path, ...]
    poison: dict[Kills, Path]


def make_clips(folder: Path) -> Clips:
    """Make clips without sound that show one colour for twenty seconds, at one frame per second."""
    folder.mkdir(parents=True, exist_ok=True)
    return Clips(
        sound=tuple(_flat(folder / f"{colour}.mp4", colour) for colour in COLOURS),
        poison={kills: _flat(folder / f"poison-{kills}.mp4", "black", title=mark) for kills, mark in MARKS.items()},
    )


def _flat(path: Path, colour: str, *, title: str | None = None) -> Path:
    tags = {"title": title} if title else None
    return make_clip(path, fps=1, picture=f"color=c={colour}", audio=None, metadata=tags)
