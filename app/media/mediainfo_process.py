"""MediaInfo in a process of its own: an MP4 on standard input, facts as JSON on standard output.

Run as a script behind `confine.py`, never imported by the platform. A few wrong bytes in an index can make MediaInfo
spin without end and eat memory (found by flipping random bytes); here that ends with this process, not with the API.
It gets an open file, no name, so that nothing in the file can make it open another.
"""

import json
import os
import resource
import sys
from typing import Any

from pymediainfo import MediaInfo

CPU_SECONDS = 5
"""A whole clip of 100 MB takes 0.1 s."""

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
    """Write `{"video": […], "audio": […]}`: known fields of every track of each kind, in the file's order."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not MediaInfo.can_parse():
        raise OSError("libmediainfo cannot be loaded")
    try:
        json.dump(_read_tracks(), sys.stdout)
    except Exception:  # noqa: BLE001 - whatever a clip makes MediaInfo do; what fails before is the machine's fault
        sys.exit(os.EX_DATAERR)


def _read_tracks() -> dict[str, list[dict[str, str]]]:
    with open(0, "rb", closefd=False) as clip:
        info = MediaInfo.parse(clip, buffer_size=_READ_BYTES)
    tracks = {"video": info.video_tracks, "audio": info.audio_tracks}
    return {kind: [_facts(track) for track in found] for kind, found in tracks.items()}


def _facts(track: Any) -> dict[str, str]:
    """A track's fields as text; MediaInfo leaves out what it does not know."""
    data = track.to_data()
    return {field: str(data[field]) for field in _FIELDS if field in data}


if __name__ == "__main__":
    main()
