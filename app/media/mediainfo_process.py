"""Runs MediaInfo in a separate process: reads an MP4 on standard input, and writes its properties as JSON to stdout.

`confine.py` executes this script, and no module imports it. A few wrong bytes in an index can make MediaInfo loop
forever and exhaust memory (found by flipping random bytes). The resource limits then kill this process, and the API is
not affected. MediaInfo gets an open file instead of a name, so that no content can make it open another file.
"""

import json
import os
import resource
import sys
from typing import Any

from pymediainfo import MediaInfo

CPU_SECONDS = 5
"""Far above the 0.1 s that a 100 MB clip takes."""

MEMORY_BYTES = 1 << 30

_READ_BYTES = 1 << 20
_FIELDS = (
    "track_id",
    "format",
    "width",
    "height",
    "duration",
    "frame_rate",
    "bit_depth",
    "chroma_subsampling",
    "scan_type",
    "transfer_characteristics",
    "color_primaries",
    "matrix_coefficients",
    "color_range",
    "encryption",
    "channel_s",
)


def main() -> None:
    """Write `{"video": […], "audio": […]}`: the known fields of every track, in the file's order."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not MediaInfo.can_parse():
        raise OSError("libmediainfo cannot be loaded")
    try:
        json.dump(_read_tracks(), sys.stdout)
    except Exception:  # noqa: BLE001 - a failure here is the clip's fault; an earlier failure is the machine's
        sys.exit(os.EX_DATAERR)


def _read_tracks() -> dict[str, list[dict[str, str]]]:
    with open(0, "rb", closefd=False) as clip:
        info = MediaInfo.parse(clip, buffer_size=_READ_BYTES)
    tracks = {"video": info.video_tracks, "audio": info.audio_tracks}
    return {kind: [_facts(track) for track in found] for kind, found in tracks.items()}


def _facts(track: Any) -> dict[str, str]:
    """Return a track's fields as text, without those that MediaInfo did not find."""
    data = track.to_data()
    return {field: str(data[field]) for field in _FIELDS if field in data}


if __name__ == "__main__":
    main()
