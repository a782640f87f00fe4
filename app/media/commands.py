"""FFmpeg's arguments as pure functions: facts in, a list of words out, nothing is run.

The poster comes from the finished video, where a key frame waits for it. Taken in the same run, FFmpeg would
run ahead for it and keep every frame it passes (1.6 GB instead of 0.2 GB), and report no progress until then.
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
    """The three pictures of the brand: 16:9, drawn for 1920x1080, the watermark with transparency."""

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
    """Render the clip into `video.mp4` of the working directory.

    Args:
        source: the untrusted file.
        artwork: the brand's pictures.
        clip: what the probe found in `source`.
        profile: the target.
        gain_db: what brings `SOUND_FILE` of the working directory to the target loudness; None renders a video
            without sound.
        tone_map: whether to bring HDR down to SDR (needs zscale).
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
"""Options of the player's file. A change in mid-stream (size, pixel format) must not rebuild the graph, for intro and
outro have been read by then; the scaler at the head of the clip's chain takes up the change instead. It has to be the
first filter that looks at pixels: filters that turn a picture would read beyond a frame of another size."""


def poster_arguments(*, clip: Clip, profile: Profile) -> list[str]:
    """Write the frame in the middle of the clip, from the finished `video.mp4`, as `poster.jpg`."""
    return [
        *quiet(),
        *("-ss", f"{_middle_seconds(clip, profile):.3f}", "-i", f"file:{VIDEO_FILE}"),
        *("-vf", "scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p"),
        *("-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3"),
        *("-map_metadata", "-1", "-f", "image2", "-update", "1", POSTER_FILE),
    ]


def _middle_seconds(clip: Clip, profile: Profile) -> float:
    """The time in the result of the frame in the middle of the shown clip."""
    frames = int(profile.shown_seconds(clip.duration_seconds) * profile.frames_per_second / 2)
    return profile.intro_seconds + frames / profile.frames_per_second


def _artwork_inputs(artwork: Artwork, profile: Profile) -> list[str]:
    """Our own pictures, each decoded once."""
    return [
        word
        for picture in (artwork.intro, artwork.outro, artwork.watermark)
        for word in ("-f", "png_pipe", "-framerate", str(profile.frames_per_second), "-i", f"file:{picture}")
    ]


def _video_output(clip: Clip, profile: Profile, *, with_audio: bool) -> list[str]:
    """The finished MP4, with a key frame where the poster is taken.

    Nothing of the source's metadata gets in: a phone writes where its owner stood.
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
    """The encoder at the profile's settings. Public for the benchmark, which encodes the same without our graph."""
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
    """Intro and outro hardly move: x264 need not search them. Takes 2 s off the 4 s of processor they cost.

    Source: x264's `--zones`, ranges of frames with settings of their own.
    """
    rate = profile.frames_per_second
    clip_start = round(profile.intro_seconds * rate)
    outro_start = clip_start + round(profile.shown_seconds(clip.duration_seconds) * rate)
    end = round(profile.result_seconds(clip.duration_seconds) * rate)
    effort = "ref=1,subme=1,me=dia,trellis=0"
    return f"zones=0,{clip_start - 1},{effort}/{outro_start},{end},{effort}"
