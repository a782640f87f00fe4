"""The encoder: renders a player's clip into a branded video and a poster, and verifies them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.config import ProfileName
from app.files import sha256_of
from app.media.commands import (
    POSTER_FILE,
    VIDEO_FILE,
    Artwork,
    poster_arguments,
    render_arguments,
)
from app.media.errors import ArtworkMissing, MediaError, Reason, UnreadableClip
from app.media.ffmpeg import FfmpegJob, find_ffmpeg
from app.media.probe import Clip, probe
from app.media.profiles import Profile, profile_for
from app.media.sound import SOUND_FILE
from app.media.soundtrack import lay_sound, measured_gain

HOUSE_BRAND = Path(__file__).with_name("brand")
"""The project's default artwork, which BRAND_DIR replaces."""

_DURATION_TOLERANCE_SECONDS = 1.0
_JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Rendering:
    """The files of a render. `sha256` (hex), `size_bytes` and `duration_seconds` describe the video."""

    video: Path
    poster: Path
    size_bytes: int
    sha256: str
    duration_seconds: float
    sound_lost: bool = False
    """Whether the clip declares sound and the profile keeps it, but none of its audio tracks could be decoded."""


class Encoder:
    """Renders clips with FFmpeg. It stores only settings, so threads may share it."""

    def __init__(
        self,
        *,
        ffmpeg: Path | None,
        brand_dir: Path | None,
        timeout_seconds: float,
        memory_bytes: int,
        preset: str | None,
    ) -> None:
        self._ffmpeg = ffmpeg
        self._brand_dir = brand_dir
        self._timeout_seconds = timeout_seconds
        self._memory_bytes = memory_bytes
        self._preset = preset

    def render(
        self,
        source: Path,
        directory: Path,
        profile: ProfileName,
        *,
        on_progress: Callable[[float], None],
        stop: threading.Event,
    ) -> Rendering:
        """Render one clip.

        Args:
            source: the player's file, which is not trusted.
            directory: an existing, empty directory for all output of this render.
            profile: the render profile.
            on_progress: called in this thread with the progress, from 0.0 to 1.0, which never decreases.
            stop: when set, FFmpeg is killed within 0.2 s.

        Raises:
            MediaError: see its subclasses. Even then, no FFmpeg process remains.
        """
        job = FfmpegJob(
            ffmpeg=find_ffmpeg(self._ffmpeg),
            directory=directory.resolve(),
            memory_bytes=self._memory_bytes,
            deadline=time.monotonic() + self._timeout_seconds,
            stop=stop,
        )
        clip = probe(source)
        target = profile_for(profile, preset=self._preset)
        progress = Progress(on_progress, clip, target)
        has_sound = _render(job, source.resolve(), clip, target, artwork=_artwork(self._brand_dir), progress=progress)
        rendering = _checked(job.directory, clip, target)
        on_progress(1.0)
        return replace(rendering, sound_lost=target.keeps_audio and clip.declares_sound and not has_sound)


class Progress:
    """Turns the lines that FFmpeg's `-progress` prints into a fraction that never decreases."""

    def __init__(self, on_progress: Callable[[float], None], clip: Clip, profile: Profile) -> None:
        self._on_progress = on_progress
        self._total_seconds = profile.result_seconds(clip.duration_seconds)
        self._share = 0.0

    def take(self, line: str) -> None:
        """Report the progress in an `out_time_us=…` line (microseconds, or N/A before the first frame).

        The fraction stays below 1.0, which is reserved for the verified result.
        """
        key, _, value = line.partition("=")
        if key != "out_time_us" or not value.isdigit():
            return
        share = min(0.99, int(value) / 1e6 / self._total_seconds)
        if share > self._share:
            self._share = share
            self._on_progress(share)


def _render(
    job: FfmpegJob, source: Path, clip: Clip, profile: Profile, *, artwork: Artwork, progress: Progress
) -> bool:
    """Prepare and measure the sound, encode the video and extract the poster. Return whether the result has sound."""
    gain_db = measured_gain(job, clip, profile) if lay_sound(job, source, clip, profile) else None
    arguments = render_arguments(
        source,
        artwork,
        clip=clip,
        profile=profile,
        gain_db=gain_db,
        tone_map=clip.colour.hdr and _has_zscale(job),
    )
    job.run(arguments, on_line=progress.take)
    (job.directory / SOUND_FILE).unlink(missing_ok=True)
    job.run(poster_arguments(clip=clip, profile=profile))
    return gain_db is not None


def _has_zscale(job: FfmpegJob) -> bool:
    """Whether this FFmpeg has zscale, which tone mapping needs. Without it, the results of HDR clips look pale."""
    lines: list[str] = []
    job.run(["-hide_banner", "-loglevel", "error", "-filters"], on_line=lines.append)
    return any(" zscale " in line for line in lines)


def _artwork(brand_dir: Path | None) -> Artwork:
    folder = (brand_dir or HOUSE_BRAND).resolve()
    artwork = Artwork(folder / "watermark.png", folder / "intro.png", folder / "outro.png")
    for picture in (artwork.watermark, artwork.intro, artwork.outro):
        if not picture.is_file():
            raise ArtworkMissing(f"{picture} is missing. BRAND_DIR needs watermark.png, intro.png and outro.png.")
    return artwork


def _checked(directory: Path, clip: Clip, profile: Profile) -> Rendering:
    """Probe the rendered video, verify it and the poster, and return them."""
    video, poster = directory / VIDEO_FILE, directory / POSTER_FILE
    found = probe(video)
    missing_seconds = profile.result_seconds(clip.duration_seconds) - found.duration_seconds
    if missing_seconds > _DURATION_TOLERANCE_SECONDS:
        raise UnreadableClip(
            f"The clip's pictures end {missing_seconds:.1f} s before its index says.", Reason.PICTURES_MISSING
        )
    shape = (found.width, found.height, found.video_codec, found.chroma, found.frame_rate)
    wanted = (profile.width, profile.height, "AVC", "4:2:0", float(profile.frames_per_second))
    if shape != wanted:
        raise MediaError(f"The result is {found}, not what {profile} asks for.")
    if not poster.is_file() or poster.read_bytes()[:3] != _JPEG_START:
        raise MediaError("The poster is not a JPEG.")
    return Rendering(video, poster, video.stat().st_size, sha256_of(video), found.duration_seconds)
