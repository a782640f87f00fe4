"""Generate small, unusual and damaged clips for tests with FFmpeg. Generation is slow, so callers cache the clips."""

import subprocess
from pathlib import Path

from app.media.ffmpeg import find_ffmpeg

TONE = "sine=frequency=440:sample_rate=48000"
SILENCE = "anullsrc=channel_layout=stereo:sample_rate=48000"
QUARTER_TURNS = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}
"""The elements a, b, c, d of a track's matrix (ISO/IEC 14496-12, 8.3.2), by the clockwise rotation in degrees that
shows the picture upright.
"""

LOCATION = "+40.4168-003.7038/"
"""A location as phones write it (ISO 6709)."""

_MATRIX_AFTER_TKHD = 44
_BOX_HEADER_BYTES = 8


def make_clip(
    path: Path,
    *,
    seconds: float = 20.0,
    width: int = 1920,
    height: int = 1080,
    fps: int | str = 10,
    picture: str = "testsrc2",
    drawing: str = "null",
    video_codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    colour: tuple[str, ...] = (),
    audio: str | None = TONE,
    audio_seconds: float | None = None,
    rotation: int = 0,
    variable_frame_rate: bool = False,
    faststart: bool = False,
    container: str = "mp4",
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a clip and return its path.

    Args:
        path: the file to write; its folder must exist.
        seconds: length of the video track.
        width: in coded pixels. Odd sizes need a full-chroma `pix_fmt` (yuv444p).
        height: in coded pixels.
        fps: frames per second, as a number or a fraction ("30000/1001"). Long clips are fast to generate with 1.
        picture: a source filter with its options: `testsrc2`, `color=c=orange`.
        drawing: filters that draw on the picture.
        video_codec: the name of FFmpeg's encoder.
        pix_fmt: FFmpeg's pixel format. The source uses it too; otherwise, FFmpeg would round an odd size.
        colour: encoder options that tag the colours.
        audio: an audio source filter; None for no audio track.
        audio_seconds: length of the audio track, if it differs from `seconds`.
        rotation: the degrees by which a media player must turn the picture clockwise.
        variable_frame_rate: drop frames at irregular intervals.
        faststart: write moov before mdat.
        container: FFmpeg's muxer; `mov` makes a QuickTime file.
        metadata: global tags, written under the given names, as phones do.
    """
    drawn = f"{picture}{':' if '=' in picture else '='}size={width}x{height}:rate={fps}:duration={seconds}"
    source = f"{drawn},{drawing},format={pix_fmt}"
    inputs = ["-f", "lavfi", "-i", source]
    sound = ["-an"]
    if audio is not None:
        inputs += ["-f", "lavfi", "-t", str(audio_seconds or seconds), "-i", audio]
        sound = ["-c:a", "aac", "-b:a", "128k"]
    filters = ["-vf", "select='not(eq(mod(n,7),3)+eq(mod(n,11),5))'", "-fps_mode", "vfr"] if variable_frame_rate else []
    flags = ("+faststart" if faststart else "") + ("+use_metadata_tags" if metadata else "")
    tags = [word for name, value in (metadata or {}).items() for word in ("-metadata", f"{name}={value}")]
    run_ffmpeg(
        *inputs,
        *filters,
        *_fast(video_codec),
        *("-pix_fmt", pix_fmt),
        *colour,
        *sound,
        *tags,
        *(["-movflags", flags] if flags else []),
        *("-f", container, str(path)),
    )
    if rotation:
        turn(path, rotation)
    return path


def make_sound_alone(path: Path, *, seconds: float = 3.0) -> Path:
    """Write an MP4 without a video track."""
    run_ffmpeg("-f", "lavfi", "-i", f"{TONE}:duration={seconds}", "-c:a", "aac", "-f", "mp4", str(path))
    return path


def make_jpeg(path: Path) -> Path:
    """Write a JPEG, whatever the path's suffix is."""
    source = "testsrc2=size=1920x1080:duration=1"
    run_ffmpeg("-f", "lavfi", "-i", source, "-frames:v", "1", "-c:v", "mjpeg", "-f", "image2", str(path))
    return path


def pad_to_size(path: Path, size_bytes: int) -> Path:
    """Append a `free` box, so that the MP4 has `size_bytes` bytes and remains valid. The file is sparse."""
    missing = size_bytes - path.stat().st_size
    if missing == 0:
        return path
    if missing < _BOX_HEADER_BYTES:
        raise ValueError(f"{path} cannot be padded by {missing} bytes: a box has at least {_BOX_HEADER_BYTES}.")
    with path.open("ab") as file:
        file.write(missing.to_bytes(4, "big") + b"free")
        file.truncate(size_bytes)
    return path


def cut_short(path: Path, share: float = 0.5) -> Path:
    """Truncate the file to a `share` of its size, as an interrupted upload does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def remove_moov(path: Path) -> Path:
    """Remove the index (moov) from an MP4, as in a recording that ended when the phone's battery was empty."""
    content = path.read_bytes()
    start, end = box_span(content, b"moov")
    path.write_bytes(content[:start] + content[end:])
    return path


def turn(path: Path, degrees: int) -> None:
    """Write a rotation into the header of the first track, as phones do."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + _MATRIX_AFTER_TKHD
    a, b, c, d = (value << 16 for value in QUARTER_TURNS[degrees])
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    content[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content)


def box_span(content: bytes, kind: bytes) -> tuple[int, int]:
    """Return the start and end offsets of the last box of a `kind`, for example `moov`."""
    start = content.rindex(kind) - 4
    return start, start + int.from_bytes(content[start : start + 4], "big")


def run_ffmpeg(*arguments: str) -> None:
    """Run the FFmpeg that the platform uses."""
    command = [str(find_ffmpeg(None)), "-nostdin", "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _fast(video_codec: str) -> list[str]:
    options = {
        "libx264": ["-preset", "ultrafast"],
        "libx265": ["-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1"],
    }
    return ["-c:v", video_codec, *options.get(video_codec, [])]
