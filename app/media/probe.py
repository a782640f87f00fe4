"""What a clip is, read from its headers by MediaInfo."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymediainfo import MediaInfo

from app.media.boxes import require_whole_mp4
from app.media.errors import UnreadableClip

DECODABLE_VIDEO = frozenset(
    {"AVC", "HEVC", "AV1", "VP8", "VP9", "MPEG-4 Visual", "MPEG Video", "H.263", "JPEG", "ProRes"}
)
"""MediaInfo's names of the video formats that every FFmpeg used here decodes."""

DECODABLE_AUDIO = frozenset(
    {"AAC", "AC-3", "E-AC-3", "ALAC", "AMR", "DTS", "FLAC", "MPEG Audio", "Opus", "PCM", "Vorbis"}
)
"""The same for sound. Spatial formats of some phones (APAC, MPEG-H) are not among them: no FFmpeg reads them."""

HDR_TRANSFERS = frozenset({"PQ", "HLG"})

_READ_BYTES = 1 << 20


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

    Its boxes are checked first. Then MediaInfo gets the bytes of this file, never its name, so that
    nothing in it can make MediaInfo open another one.

    Raises:
        UnreadableClip: it is not a whole MP4 with a video track that can be decoded. The text is for the operator.
    """
    require_whole_mp4(path)
    with path.open("rb") as file:
        info = MediaInfo.parse(file, buffer_size=_READ_BYTES)
    general = _first(info.general_tracks)
    if general.get("format") != "MPEG-4":
        raise UnreadableClip("The file is not an MP4.")
    if general.get("istruncated") == "Yes":
        raise UnreadableClip("The MP4 is cut short: it holds less than its index promises.")
    return _clip(_first(info.video_tracks), _first(info.audio_tracks))


def _clip(video: dict[str, Any], audio: dict[str, Any]) -> Clip:
    _require_decodable(video)
    return Clip(
        width=int(video["width"]),
        height=int(video["height"]),
        duration_seconds=float(video["duration"]) / 1000,
        frame_rate=_number(video.get("frame_rate")),
        video_codec=str(video["format"]),
        bit_depth=video.get("bit_depth"),
        chroma=video.get("chroma_subsampling"),
        rotation_degrees=round(_number(video.get("rotation")) or 0) % 360,
        hdr=video.get("transfer_characteristics") in HDR_TRANSFERS,
        colour_matrix=video.get("matrix_coefficients"),
        audio_channels=_channels(audio),
    )


def _require_decodable(video: dict[str, Any]) -> None:
    if not video:
        raise UnreadableClip("The MP4 has no video track.")
    if video.get("format") not in DECODABLE_VIDEO:
        raise UnreadableClip(f"The video track is {video.get('format', 'of an unknown format')}: not decodable.")
    if "encryption" in video:
        raise UnreadableClip("The video track is encrypted.")
    for fact in ("width", "height", "duration"):
        if not _number(video.get(fact)):
            raise UnreadableClip(f"The video track states no {fact}.")


def _channels(audio: dict[str, Any]) -> int:
    if audio.get("format") not in DECODABLE_AUDIO:
        return 0
    return int(_number(audio.get("channel_s")) or 0)


def _first(tracks: list[Any]) -> dict[str, Any]:
    """The first track's fields; empty without one. MediaInfo leaves out what it does not know."""
    return dict(tracks[0].to_data()) if tracks else {}


def _number(value: object) -> float | None:
    """MediaInfo gives some numbers as int and some as text ("29.970")."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
