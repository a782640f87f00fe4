"""What a clip is, read from its headers by MediaInfo."""

import json
import math
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from app.media.boxes import require_whole_mp4
from app.media.errors import ProbeKilled, UnreadableClip

DECODABLE_VIDEO = frozenset(
    {"AVC", "HEVC", "AV1", "VP8", "VP9", "MPEG-4 Visual", "MPEG Video", "H.263", "JPEG", "ProRes"}
)
"""MediaInfo's names of the video formats that every FFmpeg used here decodes."""

DECODABLE_AUDIO = frozenset(
    {"AAC", "AC-3", "E-AC-3", "ALAC", "AMR", "DTS", "FLAC", "MPEG Audio", "Opus", "PCM", "Vorbis"}
)
"""The same for sound. Spatial formats of some phones (APAC, MPEG-H) are not among them: no FFmpeg reads them."""

HDR_TRANSFERS = frozenset({"PQ", "HLG"})

WALL_SECONDS = 60
"""Backstop; the process limits its own processor time, which does not run out on a busy machine."""

_MEDIAINFO = Path(__file__).with_name("mediainfo_process.py")
_OUTSIDE_SIGNALS = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}

Facts = dict[str, str]
"""What MediaInfo knows of one track."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The facts of one MP4. The picture is that of the first video track, the sound that of the first audio track."""

    width: int
    """Coded pixels, before rotation."""
    height: int
    duration_seconds: float
    """Of the video track: sound may be longer or shorter."""
    frame_rate: float | None
    """Average; None when the track does not say."""
    video_codec: str
    """MediaInfo's name: AVC, HEVC, …"""
    bit_depth: int | None
    chroma: str | None
    """Chroma subsampling: 4:2:0, …"""
    rotation_degrees: int
    """How a player must turn the picture to show it upright: 0, 90, 180 or 270."""
    hdr: bool
    """The transfer function is PQ or HLG."""
    colour_matrix: str | None
    """YCbCr matrix as MediaInfo names it; None when the track does not say (players then assume BT.709 for HD)."""
    audio_channels: int
    """0 without an audio track that can be decoded."""

    @property
    def has_audio(self) -> bool:
        """Whether there is sound to render."""
        return self.audio_channels > 0


def probe(path: Path) -> Clip:
    """Read the facts of an MP4.

    Its boxes are checked first; MediaInfo then reads the open file in a process of its own.

    Raises:
        UnreadableClip: it is not a whole MP4 with a video track that can be decoded. The text is for the operator.
        ProbeKilled: MediaInfo's process was killed from outside.
        OSError: the file cannot be opened.
    """
    require_whole_mp4(path)
    tracks = _run_mediainfo(path)
    return _clip(tracks["video"], tracks["audio"])


def _run_mediainfo(path: Path) -> dict[str, Facts]:
    command = [sys.executable, "-I", str(_MEDIAINFO)]
    with path.open("rb") as file:
        try:
            run = subprocess.run(command, stdin=file, capture_output=True, timeout=WALL_SECONDS, check=False)  # noqa: S603 - our own script
        except subprocess.TimeoutExpired:
            raise UnreadableClip(f"MediaInfo did not get through the MP4 in {WALL_SECONDS} s.") from None
    if run.returncode in _OUTSIDE_SIGNALS:
        raise ProbeKilled(f"MediaInfo was killed by signal {-run.returncode}.")
    if run.returncode != 0:
        raise UnreadableClip("MediaInfo could not read the MP4: its index is damaged.")
    tracks: dict[str, Facts] = json.loads(run.stdout)
    return tracks


def _clip(video: Facts, audio: Facts) -> Clip:
    _require_decodable(video)
    bit_depth = _number(video.get("bit_depth"))
    return Clip(
        width=int(_required(video, "width")),
        height=int(_required(video, "height")),
        duration_seconds=_required(video, "duration") / 1000,
        frame_rate=_number(video.get("frame_rate")),
        video_codec=video["format"],
        bit_depth=None if bit_depth is None else int(bit_depth),
        chroma=video.get("chroma_subsampling"),
        rotation_degrees=round(_number(video.get("rotation")) or 0) % 360,
        hdr=video.get("transfer_characteristics") in HDR_TRANSFERS,
        colour_matrix=video.get("matrix_coefficients"),
        audio_channels=_channels(audio),
    )


def _require_decodable(video: Facts) -> None:
    if not video:
        raise UnreadableClip("The MP4 has no video track.")
    if video.get("format") not in DECODABLE_VIDEO:
        raise UnreadableClip(f"The video track is {video.get('format', 'of an unknown format')}: not decodable.")
    if "encryption" in video:
        raise UnreadableClip("The video track is encrypted.")


def _required(video: Facts, fact: str) -> float:
    number = _number(video.get(fact))
    if not number or number < 0:
        raise UnreadableClip(f"The video track states no {fact}.")
    return number


def _channels(audio: Facts) -> int:
    if audio.get("format") not in DECODABLE_AUDIO:
        return 0
    return int(_number(audio.get("channel_s")) or 0)


def _number(value: str | None) -> float | None:
    """MediaInfo writes "29.970", or several values as "6 / 2": then the first counts."""
    try:
        number = float((value or "").split(" / ")[0])
    except ValueError:
        return None
    return number if math.isfinite(number) else None
