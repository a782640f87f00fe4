"""FFmpeg's arguments as pure functions: facts in, a list of words out, nothing is run.

One filter graph decodes the clip once and encodes the result once:

    intro.png ─ scale ─ loop ─ fades ───────────────────────────┐
    clip ─ 30 fps ─ scale and pad to 16:9 ─ watermark ─ fades ─ concat ─ x264
    outro.png ─ scale ─ loop ─ fades ───────────────────────────┘
    sound ─ stereo ─ gain ─ limiter ─ behind the intro ─ silence to the end ─ AAC

The poster comes from the finished video, where a key frame waits for it. Taken in the same run, FFmpeg would
run ahead for it and keep every frame it passes (1.6 GB instead of 0.2 GB), and report no progress until then.
"""

from dataclasses import dataclass
from pathlib import Path

from app.media.probe import Clip
from app.media.profiles import Profile

SAMPLE_RATE = 48_000
PEAK_LIMIT = 0.79
"""Highest sample after the limiter: -2 dBFS, which leaves AAC's overshoot room below -1 dBTP."""

VIDEO_FILE = "video.mp4"
POSTER_FILE = "poster.jpg"
LOUDNESS_KEY = "lavfi.r128.I"


@dataclass(frozen=True, slots=True)
class Artwork:
    """The three pictures of the brand: 16:9, drawn for 1920x1080, the watermark with transparency."""

    watermark: Path
    intro: Path
    outro: Path


def measure_arguments(source: Path, *, clip: Clip, profile: Profile, gain_db: float) -> list[str]:
    """Measure how loud the sound would be at that gain. Decodes sound only, 0.1 s for 30 s of AAC.

    Writes one `lavfi.r128.I=<LUFS>` line per 100 ms to standard output; the last one holds for the whole.
    """
    meter = ["ebur128=metadata=1", f"ametadata=mode=print:key={LOUDNESS_KEY}:file=pipe\\\\:1"]
    graph = _chain("[0:a:0]", [*_sound(clip, profile, gain_db), *meter], "[measured]")
    return [
        *_quiet(),
        "-vn",
        *_untrusted_input(source, profile),
        "-filter_complex",
        graph,
        "-map",
        "[measured]",
        "-f",
        "null",
        "-",
    ]


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
        gain_db: what brings the sound to the target loudness; None renders a video without sound.
        tone_map: whether to bring HDR down to SDR (needs zscale).
    """
    return [
        *_quiet(),
        "-progress",
        "pipe:1",
        "-stats_period",
        "0.5",
        *_untrusted_input(source, profile),
        *_artwork_inputs(artwork, profile),
        "-filter_complex",
        filter_graph(clip, profile, gain_db=gain_db, tone_map=tone_map),
        *_video_output(clip, profile, with_audio=gain_db is not None),
    ]


def poster_arguments(*, clip: Clip, profile: Profile) -> list[str]:
    """Write the frame in the middle of the clip, from the finished `video.mp4`, as `poster.jpg`."""
    return [
        *_quiet(),
        *("-ss", f"{_middle_seconds(clip, profile):.3f}", "-i", f"file:{VIDEO_FILE}"),
        *("-vf", "scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p"),
        *("-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3"),
        *("-map_metadata", "-1", "-f", "image2", "-update", "1", POSTER_FILE),
    ]


def _middle_seconds(clip: Clip, profile: Profile) -> float:
    """The time in the result of the frame in the middle of the shown clip."""
    frames = int(profile.shown_seconds(clip.duration_seconds) * profile.frames_per_second / 2)
    return profile.intro_seconds + frames / profile.frames_per_second


def filter_graph(clip: Clip, profile: Profile, *, gain_db: float | None, tone_map: bool) -> str:
    """The whole graph. Inputs: 0 the clip, 1 the intro, 2 the outro, 3 the watermark."""
    shown = profile.shown_seconds(clip.duration_seconds)
    chains = [
        _still("[1:v:0]", profile, profile.intro_seconds, "[intro]"),
        _still("[2:v:0]", profile, profile.outro_seconds, "[outro]"),
        _chain("[3:v:0]", [f"scale={_scaled(profile, 'iw')}:-1:{_TO_BT709}", "format=yuva420p"], "[mark]"),
        _chain("[0:V:0]", _fitted_picture(clip, profile, tone_map=tone_map), "[fitted]"),
        _chain("[fitted][mark]", ["overlay=x=W-w:y=H-h:format=yuv420", *_fades(profile, shown)], "[clip]"),
        _chain("[intro][clip][outro]", ["concat=n=3:v=1:a=0", _BT709_TAGS], "[video]"),
    ]
    if gain_db is not None:
        chains.append(_chain("[0:a:0]", _sound(clip, profile, gain_db), "[audio]"))
    return ";".join(chains)


_BT709_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_TO_BT709 = "out_color_matrix=bt709:out_range=tv"


def _fitted_picture(clip: Clip, profile: Profile, *, tone_map: bool) -> list[str]:
    """Constant rate, profile size with bars where the shape differs, square pixels, 8-bit BT.709.

    FFmpeg has already turned the picture upright. The rate comes first, so that frames of a 240 fps clip are
    dropped before they are scaled. An untagged picture is BT.709, as every player takes HD, not swscale's BT.601.
    """
    width, height = profile.width, profile.height
    shape = f"{width}/{height}"
    across = f"if(gte(dar,{shape}),{width},2*max(1,round({height}*dar/2)))"
    down = f"if(gte(dar,{shape}),2*max(1,round({width}/dar/2)),{height})"
    return [
        f"fps={profile.frames_per_second}:start_time=0",
        *([] if clip.colour_matrix or clip.hdr else ["setparams=colorspace=bt709"]),
        f"scale=w='{across}':h='{down}':flags=bicubic" + ("" if tone_map else f":{_TO_BT709}"),
        *(_TONE_MAPPING if tone_map else []),
        "format=yuv420p",
        f"pad={width}:{height}:-1:-1",
        "setsar=1",
        _BT709_TAGS,
    ]


_TONE_MAPPING = [
    "zscale=transfer=linear:npl=203",
    "format=gbrpf32le",
    "zscale=primaries=bt709",
    "tonemap=mobius:desat=0:peak=4.93",
    "zscale=transfer=bt709:range=full",
    "format=gbrp10",
    f"scale={_TO_BT709}",
]
"""HDR to SDR in linear light. Diffuse white is 203 cd/m2 (ITU-R BT.2408) and 1000 cd/m2, 4.93 times that, the
brightest. The step through integer RGB cuts off what BT.709 cannot show: FFmpeg 5.1 would carry negative light
into the luma, and turn a bright orange almost black."""


def _still(source: str, profile: Profile, seconds: float, label: str) -> str:
    """A picture decoded once and repeated, at the profile's size and rate."""
    frames = round(seconds * profile.frames_per_second)
    steps = [
        f"scale={profile.width}:{profile.height}:flags=bicubic:{_TO_BT709}",
        "format=yuv420p",
        "setsar=1",
        f"loop=loop={frames - 1}:size=1",
        f"setpts=N/{profile.frames_per_second}/TB",
        f"fps={profile.frames_per_second}",
        _BT709_TAGS,
        *_fades(profile, seconds),
    ]
    return _chain(source, steps, label)


def _fades(profile: Profile, seconds: float) -> list[str]:
    """From black and back to it. Costs a few frames' work at the ends, where a cross-fade would touch them all."""
    fade = profile.fade_seconds
    return [f"fade=t=in:st=0:d={fade:g}", f"fade=t=out:st={max(0.0, seconds - fade):.3f}:d={fade:g}"]


def _sound(clip: Clip, profile: Profile, gain_db: float) -> list[str]:
    """Stereo at a new level, cut to the picture's length, behind a silent intro, silent to the end.

    The limiter only works where the gain would clip. The silence counts: the meter's blocks that are half
    silence weigh on a sound of a few seconds.
    """
    shown = profile.shown_seconds(clip.duration_seconds)
    fade = profile.fade_seconds
    return [
        f"aresample={SAMPLE_RATE}:async=1:first_pts=0",
        "aformat=sample_fmts=fltp:channel_layouts=stereo",
        f"volume={gain_db:.2f}dB",
        f"alimiter=limit={PEAK_LIMIT}:attack=5:release=50:level=disabled",
        f"atrim=end={shown:.3f}",
        f"afade=t=out:st={max(0.0, shown - fade):.3f}:d={fade:g}",
        f"adelay=delays={round(profile.intro_seconds * 1000)}:all=1",
        f"apad=whole_dur={profile.result_seconds(clip.duration_seconds):.3f}",
    ]


def _quiet() -> list[str]:
    return ["-nostdin", "-hide_banner", "-y", "-nostats", "-loglevel", "error"]


def _untrusted_input(source: Path, profile: Profile) -> list[str]:
    """The player's file: only as an MP4, only from the disk, only its first seconds.

    A playlist that calls itself .mp4 would otherwise make FFmpeg read other files of this machine.
    """
    return [
        "-protocol_whitelist",
        "file,pipe",
        "-format_whitelist",
        "mov",
        "-f",
        "mov",
        "-t",
        f"{profile.clip_seconds:g}",
        "-i",
        f"file:{source}",
    ]


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


def _scaled(profile: Profile, dimension: str) -> str:
    """Artwork is drawn for 1080 lines."""
    return f"{dimension}*{profile.height}/1080"


def _chain(source: str, filters: list[str], label: str) -> str:
    return f"{source}{','.join(filters)}{label}"
