"""FFmpeg's arguments, compared as lists; no program is run."""

import os
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from app.config import ProfileName
from app.media.bounds import MAX_DECODED_PIXELS, max_pixels
from app.media.colour import Colour
from app.media.commands import (
    Artwork,
    poster_arguments,
    render_arguments,
)
from app.media.encoder import Progress
from app.media.errors import (
    FfmpegMissing,
    MediaError,
    RenderKilled,
    UnreadableClip,
    WorkDirectoryFull,
)
from app.media.ffmpeg import find_ffmpeg, raise_for_exit
from app.media.graph import filter_graph
from app.media.loudness import MAX_PASSES, find_gain, integrated_loudness
from app.media.probe import Clip
from app.media.profiles import PROFILES, Profile, profile_for
from app.media.sound import decode_arguments, lay_arguments, measure_arguments

BROADCAST, LITE = PROFILES[ProfileName.BROADCAST], PROFILES[ProfileName.LITE]
SOURCE = Path("/jobs/in/clip.mp4")
ARTWORK = Artwork(
    watermark=Path("/brand/watermark.png"), intro=Path("/brand/intro.png"), outro=Path("/brand/outro.png")
)
CLIP = Clip(
    width=1920,
    height=1080,
    duration_seconds=20.0,
    frame_rate=29.97,
    video_codec="AVC",
    bit_depth=8,
    chroma="4:2:0",
    audio_channels=2,
    pictures=599,
    picture_track=7,
    sound_tracks=(8, 9),
    declares_sound=True,
)


def render(clip: Clip = CLIP, profile: Profile = BROADCAST, gain_db: float | None = 3.5) -> list[str]:
    return render_arguments(SOURCE, ARTWORK, clip=clip, profile=profile, gain_db=gain_db, tone_map=clip.colour.hdr)


def option(arguments: list[str], name: str) -> str:
    """Return the value of an option that occurs once."""
    values = [value for word, value in pairwise(arguments) if word == name]
    assert len(values) == 1, f"{name}: {values}"
    return values[0]


def input_options(arguments: list[str], number: int) -> list[str]:
    """Return an input's options, with `-i` and its path."""
    ends = [at for at, word in enumerate(arguments) if word == "-i"]
    start = ends[number - 1] + 2 if number else 0
    return arguments[start : ends[number] + 2]


# The untrusted file


def test_the_players_file_is_decoded_as_mp4_from_disk_with_known_codecs_and_for_thirty_seconds_at_most() -> None:
    decode = decode_arguments(SOURCE, clip=CLIP, profile=BROADCAST, track=8)
    for arguments in (render(), decode):
        words = input_options(arguments, 0)
        assert option(words, "-protocol_whitelist") == "file,pipe"
        assert option(words, "-format_whitelist") == option(words, "-f") == "mov"
        assert set(option(words, "-codec_whitelist").split(",")) >= {"h264", "hevc", "aac", "opus", "pcm_s16le"}
        assert "qtrle" not in option(words, "-codec_whitelist")
        assert option(words, "-max_pixels") == str(8192 * 8192)
        assert option(words, "-t") == "30"
        assert words[-2:] == ["-i", "file:/jobs/in/clip.mp4"]
        assert "-nostdin" in words


def test_the_total_number_of_pixels_is_bounded_even_if_frames_are_larger_than_declared() -> None:
    fast = replace(CLIP, pictures=15_000)
    assert max_pixels(fast) * fast.pictures <= MAX_DECODED_PIXELS
    assert max_pixels(fast) >= 2 * fast.pixels


def test_a_source_named_like_an_option_or_a_url_is_treated_as_a_file() -> None:
    arguments = render_arguments(
        Path("-http:evil.mp4"), ARTWORK, clip=CLIP, profile=BROADCAST, gain_db=None, tone_map=False
    )
    assert "file:-http:evil.mp4" in arguments
    assert "-http:evil.mp4" not in arguments


def test_no_metadata_of_the_source_reaches_the_result() -> None:
    arguments = render()
    assert option(arguments, "-map_metadata") == "-1"
    assert option(arguments, "-map_chapters") == "-1"


# One graph, one encode


def test_the_clip_is_opened_once_and_encoded_once() -> None:
    arguments = render()
    assert [word for word in arguments if word.startswith("file:")] == [
        "file:/jobs/in/clip.mp4",
        "file:/brand/intro.png",
        "file:/brand/outro.png",
        "file:/brand/watermark.png",
        "file:sound.wav",
    ]
    assert arguments.count("libx264") == arguments.count("-c:v") == 1
    assert option(arguments, "-filter_complex").count("[0:i:7]") == 1


def test_each_step_opens_only_the_streams_it_uses() -> None:
    assert {"-an", "-sn", "-dn"} <= set(input_options(render(), 0))
    decode = decode_arguments(SOURCE, clip=CLIP, profile=BROADCAST, track=9)
    assert {"-vn", "-sn", "-dn"} <= set(input_options(decode, 0))
    assert option(decode, "-map") == "0:i:9"


def test_the_sound_keeps_its_offset_to_the_picture_and_ends_with_it() -> None:
    lay = lay_arguments(clip=CLIP, profile=BROADCAST)
    assert "-copyts" in lay
    assert option(lay, "-af") == "aresample=48000:async=1:first_pts=0,atrim=end=20.000"


def test_the_measured_sound_is_the_rendered_sound() -> None:
    measured = option(measure_arguments(clip=CLIP, profile=BROADCAST, gain_db=3.5), "-af")
    rendered = option(render(gain_db=3.5), "-filter_complex")
    shared = measured.partition(",ebur128")[0]
    assert "volume=3.50dB" in shared
    assert shared in rendered


def test_each_still_is_decoded_once_and_looped() -> None:
    graph = option(render(), "-filter_complex")
    assert graph.count("loop=loop=74:size=1") == 2
    assert "-loop" not in render()


def test_intro_clip_and_outro_are_joined_in_this_order() -> None:
    assert "[intro][clip][outro]concat=n=3:v=1:a=0" in option(render(), "-filter_complex")


def test_the_rate_is_set_before_the_picture_is_scaled() -> None:
    chain = next(part for part in option(render(), "-filter_complex").split(";") if part.startswith("[0:i:7]"))
    assert chain.index("fps=30") < chain.index("scale=") < chain.index("pad=1920:1080") < chain.index("setsar=1")


def test_only_the_stills_are_encoded_with_little_effort() -> None:
    effort = "ref=1,subme=1,me=dia,trellis=0"
    assert option(render(), "-x264-params") == f"zones=0,74,{effort}/675,750,{effort}"


# Profiles


def test_broadcast_is_1080_lines_with_sound_and_lite_720_without() -> None:
    assert (BROADCAST.width, BROADCAST.height, BROADCAST.keeps_audio) == (1920, 1080, True)
    assert (LITE.width, LITE.height, LITE.keeps_audio) == (1280, 720, False)


@pytest.mark.parametrize("profile", [BROADCAST, LITE])
def test_intro_and_outro_last_five_seconds_together_at_most(profile: Profile) -> None:
    assert profile.intro_seconds + profile.outro_seconds <= 5


@pytest.mark.parametrize(("clip_seconds", "result_seconds"), [(20.0, 25.0), (30.0, 35.0), (60.0, 35.0)])
def test_a_clip_is_shown_for_thirty_seconds_at_most(clip_seconds: float, result_seconds: float) -> None:
    assert BROADCAST.result_seconds(clip_seconds) == result_seconds


def test_the_encoder_settings_are_the_contracts() -> None:
    arguments = render()
    assert option(arguments, "-c:v") == "libx264"
    assert option(arguments, "-preset") == "medium"
    assert option(arguments, "-crf") == "23"
    assert option(arguments, "-pix_fmt") == "yuv420p"
    assert option(arguments, "-movflags") == "+faststart"
    assert option(arguments, "-colorspace") == "bt709"


def test_a_preset_in_the_settings_replaces_the_profiles_preset() -> None:
    assert option(render(profile=profile_for(ProfileName.LITE, preset="veryfast")), "-preset") == "veryfast"
    assert profile_for(ProfileName.LITE, preset=None) is LITE


def test_lite_scales_the_watermark_with_the_picture() -> None:
    assert "[3:v:0]scale=iw*720/1080:-1:" in option(render(profile=LITE, gain_db=None), "-filter_complex")


def test_without_a_gain_the_result_has_no_sound() -> None:
    arguments = render(gain_db=None)
    assert "[audio]" not in " ".join(arguments)
    assert "-c:a" not in arguments


# Sound and time


def test_the_sound_waits_for_the_intro_and_lasts_as_long_as_the_picture() -> None:
    graph = option(render(), "-filter_complex")
    assert "adelay=delays=2500:all=1" in graph
    assert "apad=whole_dur=25.000" in graph


def test_the_poster_is_taken_from_the_middle_of_the_clip_where_a_key_frame_is_forced() -> None:
    moment = option(poster_arguments(clip=CLIP, profile=BROADCAST), "-ss")
    assert moment == "12.500"
    assert option(render(), "-force_key_frames") == moment


# Colours


def graph_of(clip: Clip) -> str:
    return filter_graph(clip, BROADCAST, gain_db=None, tone_map=clip.colour.hdr)


def test_every_frame_is_tagged_before_it_is_scaled() -> None:
    tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    assert f"[0:i:7]fps=30:start_time=0,trim=end=20.000,{tags},scale" in graph_of(CLIP)
    assert f"{tags}:range=pc,scale" in graph_of(replace(CLIP, colour=Colour(full_range=True)))
    hdr = Colour("bt2020", "smpte2084", "bt2020nc", full_range=False)
    assert "colorspace=bt2020nc:range=tv,scale" in graph_of(replace(CLIP, colour=hdr))


def test_only_hdr_is_tone_mapped() -> None:
    hdr = replace(CLIP, colour=Colour("bt2020", "arib-std-b67", "bt2020nc"))
    assert "tonemap" in option(render(hdr), "-filter_complex")
    assert "tonemap" not in option(render(), "-filter_complex")


def test_only_an_interlaced_clip_is_deinterlaced() -> None:
    assert "bwdif" not in graph_of(CLIP)
    interlaced = graph_of(replace(CLIP, interlaced=True))
    assert "[0:i:7]scale=1920:1080,bwdif=mode=send_frame:deint=interlaced,fps=30" in interlaced


# Finding the gain


def test_a_linear_sound_needs_two_passes() -> None:
    gains: list[float] = []

    def measure(gain_db: float) -> float:
        gains.append(gain_db)
        return -30 + gain_db

    assert find_gain(measure, target_lufs=-16) == 14
    assert gains == [0, 14]


def test_the_gain_is_twenty_decibels_at_most() -> None:
    assert find_gain(lambda gain_db: -62 + gain_db, target_lufs=-16) == 20


def test_the_gain_of_a_limited_sound_is_raised_until_it_reaches_the_target() -> None:
    gain = find_gain(lambda gain_db: -25 + 0.5 * gain_db, target_lufs=-16)
    assert gain is not None
    assert abs(-25 + 0.5 * gain + 16) <= 0.5


def test_silence_is_not_amplified() -> None:
    assert find_gain(lambda _: -70.0, target_lufs=-16) == 0.0
    assert find_gain(lambda _: float("-inf"), target_lufs=-16) == 0.0


def test_an_audio_track_without_a_sample_gives_no_sound() -> None:
    assert find_gain(lambda _: None, target_lufs=-16) is None


def test_a_sound_that_never_reaches_the_target_gets_the_nearest_gain() -> None:
    passes: list[float] = []

    def measure(gain_db: float) -> float:
        passes.append(gain_db)
        return -17.0 if len(passes) == 3 else -18.0

    assert find_gain(measure, target_lufs=-16) == passes[2]
    assert len(passes) == MAX_PASSES


def test_the_last_measurement_is_the_integrated_loudness() -> None:
    assert integrated_loudness(["frame:0 pts:0", "lavfi.r128.I=-70.000", "frame:1", "lavfi.r128.I=-21.438"]) == -21.438
    assert integrated_loudness(["frame:0 pts:0"]) is None


# Progress


def test_progress_ignores_other_lines_never_falls_and_stays_below_one() -> None:
    shares: list[float] = []
    progress = Progress(shares.append, CLIP, BROADCAST)
    times = ["N/A", "-1", "5000000", "2500000", "5000000", "12500000", "25000000", "26000000"]
    for line in ["frame=12", *(f"out_time_us={time}" for time in times), "progress=end"]:
        progress.take(line)
    assert shares == [0.2, 0.5, 0.99]


# FFmpeg's binary and its errors


def test_a_configured_ffmpeg_that_is_not_a_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(FfmpegMissing, match=r"FFMPEG_PATH=.*nowhere"):
        find_ffmpeg(tmp_path / "nowhere")


def test_without_a_system_ffmpeg_the_packaged_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = find_ffmpeg(None)
    assert "imageio_ffmpeg" in found.parts
    assert os.access(found, os.X_OK)


def test_without_any_ffmpeg_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(FfmpegMissing, match="apt install ffmpeg"):
        find_ffmpeg(None)


AFTER_EOF = "after EOF\nError marking filters as finished"


@pytest.mark.parametrize(
    ("code", "last_words", "error"),
    [
        (1, "moov atom not found", UnreadableClip),
        (183, "Invalid data found when processing input", UnreadableClip),
        (1, "av_interleaved_write_frame(): No space left on device", WorkDirectoryFull),
        (1, "video.mp4: Disk quota exceeded", WorkDirectoryFull),
        (1, "Error while filtering: Cannot allocate memory", RenderKilled),
        (1, "Unknown encoder 'libx264'", FfmpegMissing),
        (71, "confine: [Errno 2] No such file or directory: '/srv/brand/intro.png'", FfmpegMissing),
        (71, "[mov] title is confine: , which proves nothing", UnreadableClip),
        (1, "Traceback (most recent call last):\nImportError: No module named '_ctypes'", FfmpegMissing),
        (1, "Fatal Python error: init_import_site: Failed to import the site module", FfmpegMissing),
        (183, "confine: is this clip's title", UnreadableClip),
        (127, "ffmpeg: error while loading shared libraries: libavdevice.so.59: cannot open", FfmpegMissing),
        (-9, "", RenderKilled),
        (255, "Exiting normally, received signal 15.", RenderKilled),
        (1, f"Cannot determine format of input stream 2:0 {AFTER_EOF}", RenderKilled),
        (1, f"Cannot determine format of input stream 0:1 {AFTER_EOF}", UnreadableClip),
    ],
)
def test_ffmpegs_exit_distinguishes_faults_of_the_clip_from_those_of_the_machine(
    code: int, last_words: str, error: type[MediaError]
) -> None:
    with pytest.raises(MediaError) as raised:
        raise_for_exit(code, last_words)
    assert type(raised.value) is error
    assert last_words in str(raised.value)


def test_a_successful_exit_raises_nothing() -> None:
    raise_for_exit(0, "No space left on device, says a file's title")
