"""A short description of a media file, according to MediaInfo."""

from collections.abc import Iterator
from pathlib import Path

from pymediainfo import MediaInfo, Track

MEGABYTE = 1_000_000


def describe(path: Path) -> Iterator[tuple[str, str]]:
    """Yield pairs of a name and a description: one for the file, then one for each video and audio track."""
    parsed = MediaInfo.parse(path)
    for picture in parsed.image_tracks:
        yield path.name, f"{picture.format}, {picture.width}x{picture.height}, {_megabytes(path)}"
    if parsed.video_tracks:
        general = parsed.general_tracks[0]
        yield path.name, f"{general.format}, {float(general.duration) / 1000:.1f} s, {_megabytes(path)}"
    for track in parsed.video_tracks:
        yield "  video", _video(track)
    for track in parsed.audio_tracks:
        yield "  audio", f"{track.format}, {track.channel_s} channels, {track.sampling_rate / 1000:g} kHz"


def _video(track: Track) -> str:
    return (
        f"{track.format} {track.format_profile}, {track.width}x{track.height}, "
        f"{float(track.frame_rate):g} fps, {track.chroma_subsampling} {track.bit_depth} bit"
    )


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / MEGABYTE:.1f} MB"
