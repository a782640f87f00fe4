"""FFmpeg's argument lists, built by pure functions that run nothing.

The poster is extracted from the finished video, which has a key frame at the poster's position. If the same run
rendered the video and extracted the poster, FFmpeg would decode ahead to the poster's frame, hold every frame up to it
in memory (1.6 GB instead of 0.2 GB) and report no progress meanwhile.
"""

from dataclasses import dataclass
from pathlib import Path

from app.media.graph import filter_graph
from app.media.inputs import quiet, untrusted_input
from app.media.probe import Clip
from app.media.profiles import Profile
from app.media.sound import sound_input

VIDEO_FILE = "video.mp4"
POSTER_FILE = "poster.jpg"


@dataclass(frozen=True, slots=True)
class Artwork:
    """The three images of the brand, drawn for 1920x1080: intro and outro in 16:9, and a transparent watermark."""

    watermark: Path
    intro: Path
    outro: Path


def render_arguments(
    source: Path,
    artwork: Artwork,
    *,
    clip: Clip,
    profile: Profile,
    gain_db: float | None,
    tone_map: bool,
) -> list[str]:
    """Return the arguments that render the clip into `video.mp4` in the working directory.

    Args:
        source: the untrusted file.
        artwork: the brand's images.
        clip: the properties of `source`.
        profile: the target.
        gain_db: the gain that brings `SOUND_FILE` in the working directory to the target loudness; None renders a video
            without sound.
        tone_map: whether to convert HDR to SDR (needs zscale).
    """
    return [
        *quiet(),
        *("-progress", "pipe:1", "-stats_period", "0.5"),
        *_PICTURE_ALONE,
        *untrusted_input(source, clip, profile),
        *_artwork_inputs(artwork, profile),
        *(sound_input() if gain_db is not None else []),
        "-filter_complex",
        filter_graph(clip, profile, gain_db=gain_db, tone_map=tone_map),
        *_video_output(clip, profile, with_audio=gain_db is not None),
    ]


_PICTURE_ALONE = ("-an", "-sn", "-dn", "-noautorotate", "-reinit_filter", "0")
"""Options for the player's file. If the size or pixel format changes in mid-stream, FFmpeg must not rebuild the graph,
because it has already read the intro and the outro. Instead, the first scaler in the clip's chain handles the change.
No filter that accesses pixels may precede this scaler: a rotation filter would read beyond a frame of another size."""


def poster_arguments(*, clip: Clip, profile: Profile) -> list[str]:
    """Return the arguments that extract the frame in the middle of the clip from `video.mp4` as `poster.jpg`."""
    return [
        *quiet(),
        *("-ss", f"{_middle_seconds(clip, profile):.3f}", "-i", f"file:{VIDEO_FILE}"),
        *("-vf", "scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p"),
        *("-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3"),
        *("-map_metadata", "-1", "-f", "image2", "-update", "1", POSTER_FILE),
    ]


def _middle_seconds(clip: Clip, profile: Profile) -> float:
    """Return the time in the result at which the middle frame of the shown part of the clip appears."""
    frames = int(profile.shown_seconds(clip.duration_seconds) * profile.frames_per_second / 2)
    return profile.intro_seconds + frames / profile.frames_per_second


def _artwork_inputs(artwork: Artwork, profile: Profile) -> list[str]:
    """Return the input options for the brand's images. FFmpeg decodes each image once, and the graph repeats it."""
    return [
        word
        for picture in (artwork.intro, artwork.outro, artwork.watermark)
        for word in ("-f", "png_pipe", "-framerate", str(profile.frames_per_second), "-i", f"file:{picture}")
    ]


def _video_output(clip: Clip, profile: Profile, *, with_audio: bool) -> list[str]:
    """Return the output options of the MP4, with a key frame at the poster's position.

    The source's metadata is not copied, because phones record the location in it.
    """
    audio = ["-map", "[audio]", "-c:a", "aac", "-b:a", str(profile.audio_bit_rate)]
    return [
        "-map",
        "[video]",
        *x264_arguments(profile),
        *("-x264-params", _still_zones(clip, profile)),
        *("-force_key_frames", f"{_middle_seconds(clip, profile):.3f}"),
        *(audio if with_audio else []),
        "-map_metadata",
        "-1",
        "-map_chapters",
        "-1",
        "-movflags",
        "+faststart",
        "-f",
        "mp4",
        VIDEO_FILE,
    ]


def x264_arguments(profile: Profile) -> list[str]:
    """Return the encoder's options for a profile. Public for the benchmark, which encodes without the filter graph."""
    return [
        "-c:v",
        "libx264",
        "-preset",
        profile.preset,
        "-crf",
        str(profile.crf),
        "-maxrate",
        str(profile.max_bit_rate),
        "-bufsize",
        str(2 * profile.max_bit_rate),
        "-profile:v",
        "high",
        "-pix_fmt",
        "yuv420p",
        "-r",
        str(profile.frames_per_second),
        *("-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    ]


def _still_zones(clip: Clip, profile: Profile) -> str:
    """Return x264 zones with minimal motion search for the intro and the outro, which are still images.

    Encoding the intro and the outro then takes 2 s of CPU time instead of 4 s.

    Source: x264's `--zones`, which sets options for ranges of frames.
    """
    rate = profile.frames_per_second
    clip_start = round(profile.intro_seconds * rate)
    outro_start = clip_start + round(profile.shown_seconds(clip.duration_seconds) * rate)
    end = round(profile.result_seconds(clip.duration_seconds) * rate)
    effort = "ref=1,subme=1,me=dia,trellis=0"
    return f"zones=0,{clip_start - 1},{effort}/{outro_start},{end},{effort}"
