"""FFmpeg's arguments, compared as lists: nothing is run here."""

import os
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from app.config import ProfileName
from app.media.commands import (
    Artwork,
    filter_graph,
    measure_arguments,
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
from app.media.loudness import MAX_PASSES, find_gain, integrated_loudness
from app.media.probe import Clip
from app.media.profiles import PROFILES, Profile, profile_for

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
    rotation_degrees=0,
    hdr=False,
    colour_matrix="BT.709",
    audio_channels=2,
)


def render(clip: Clip = CLIP, profile: Profile = BROADCAST, gain_db: float | None = 3.5) -> list[str]:
    return render_arguments(SOURCE, ARTWORK, clip=clip, profile=profile, gain_db=gain_db, tone_map=clip.hdr)


def option(arguments: list[str], name: str) -> str:
    """The one value of an option."""
    values = [value for word, value in pairwise(arguments) if word == name]
    assert len(values) == 1, f"{name}: {values}"
    return values[0]


def input_options(arguments: list[str], number: int) -> list[str]:
    """The words between the input before and this one's path."""
    ends = [at for at, word in enumerate(arguments) if word == "-i"]
    start = ends[number - 1] + 2 if number else 0
    return arguments[start : ends[number] + 2]


# The untrusted file


@pytest.mark.parametrize(
    "arguments",
    [render(), measure_arguments(SOURCE, clip=CLIP, profile=BROADCAST, gain_db=0.0)],
    ids=["render", "measure"],
)
def test_the_players_file_is_read_only_as_mp4_from_disk_and_thirty_seconds(arguments: list[str]) -> None:
    words = input_options(arguments, 0)
    assert words[-10:] == [
        *("-protocol_whitelist", "file,pipe"),
        *("-format_whitelist", "mov"),
        *("-f", "mov"),
        *("-t", "30"),
        *("-i", "file:/jobs/in/clip.mp4"),
    ]
    assert "-nostdin" in words


def test_a_source_called_like_an_option_or_an_address_stays_a_file() -> None:
    arguments = render_arguments(
        Path("-http:evil.mp4"), ARTWORK, clip=CLIP, profile=BROADCAST, gain_db=None, tone_map=False
    )
    assert "file:-http:evil.mp4" in arguments
    assert "-http:evil.mp4" not in arguments


def test_nothing_of_the_sources_metadata_reaches_the_result() -> None:
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
    ]
    assert arguments.count("libx264") == arguments.count("-c:v") == 1
    assert option(arguments, "-filter_complex").count("[0:V:0]") == 1


def test_the_measurement_does_not_touch_the_picture() -> None:
    arguments = measure_arguments(SOURCE, clip=CLIP, profile=BROADCAST, gain_db=0.0)
    assert "-vn" in input_options(arguments, 0)
    assert ":v" not in option(arguments, "-filter_complex").lower()


def test_the_measured_sound_is_the_rendered_sound() -> None:
    measured = option(measure_arguments(SOURCE, clip=CLIP, profile=BROADCAST, gain_db=3.5), "-filter_complex")
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
    chain = next(part for part in option(render(), "-filter_complex").split(";") if part.startswith("[0:V:0]"))
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


def test_a_preset_of_the_settings_replaces_the_profiles() -> None:
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


def test_the_poster_is_the_middle_of_the_clip_where_a_key_frame_waits() -> None:
    moment = option(poster_arguments(clip=CLIP, profile=BROADCAST), "-ss")
    assert moment == "12.500"
    assert option(render(), "-force_key_frames") == moment


# Colours


def test_an_untagged_picture_is_taken_for_bt709() -> None:
    assert "[0:V:0]fps=30:start_time=0,setparams=colorspace=bt709,scale" in filter_graph(
        replace(CLIP, colour_matrix=None), BROADCAST, gain_db=None, tone_map=False
    )
    assert "[0:V:0]fps=30:start_time=0,scale" in filter_graph(CLIP, BROADCAST, gain_db=None, tone_map=False)


def test_only_hdr_is_tone_mapped() -> None:
    hdr = replace(CLIP, hdr=True, colour_matrix="BT.2020 non-constant")
    assert "tonemap" in option(render(hdr), "-filter_complex")
    assert "tonemap" not in option(render(), "-filter_complex")


# Finding the gain


def test_a_linear_sound_needs_two_passes() -> None:
    gains: list[float] = []

    def measure(gain_db: float) -> float:
        gains.append(gain_db)
        return -40 + gain_db

    assert find_gain(measure, target_lufs=-16) == 24
    assert gains == [0, 24]


def test_a_limited_sound_is_pushed_until_it_lands() -> None:
    gain = find_gain(lambda gain_db: -30 + 0.5 * gain_db, target_lufs=-16)
    assert gain is not None
    assert abs(-30 + 0.5 * gain + 16) <= 0.5


def test_silence_is_left_alone() -> None:
    assert find_gain(lambda _: -70.0, target_lufs=-16) == 0.0
    assert find_gain(lambda _: float("-inf"), target_lufs=-16) == 0.0


def test_an_audio_track_without_a_sample_gives_no_sound() -> None:
    assert find_gain(lambda _: None, target_lufs=-16) is None


def test_a_sound_that_never_lands_gets_the_nearest_gain() -> None:
    passes: list[float] = []

    def measure(gain_db: float) -> float:
        passes.append(gain_db)
        return -20.0 if len(passes) == 3 else -30.0

    assert find_gain(measure, target_lufs=-16) == passes[2]
    assert len(passes) == MAX_PASSES


def test_the_last_line_is_the_loudness_of_the_whole() -> None:
    assert integrated_loudness(["frame:0 pts:0", "lavfi.r128.I=-70.000", "frame:1", "lavfi.r128.I=-21.438"]) == -21.438
    assert integrated_loudness(["frame:0 pts:0"]) is None


# Progress


def test_progress_ignores_other_lines_never_falls_and_leaves_one_to_the_checked_result() -> None:
    shares: list[float] = []
    progress = Progress(shares.append, CLIP, BROADCAST)
    times = ["N/A", "-1", "5000000", "2500000", "5000000", "12500000", "25000000", "26000000"]
    for line in ["frame=12", *(f"out_time_us={time}" for time in times), "progress=end"]:
        progress.take(line)
    assert shares == [0.2, 0.5, 0.99]


# FFmpeg's binary and its last words


def test_a_configured_ffmpeg_that_is_no_program_is_named(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("code", "last_words", "error"),
    [
        (1, "moov atom not found", UnreadableClip),
        (183, "Invalid data found when processing input", UnreadableClip),
        (1, "av_interleaved_write_frame(): No space left on device", WorkDirectoryFull),
        (1, "video.mp4: Disk quota exceeded", WorkDirectoryFull),
        (1, "Error while filtering: Cannot allocate memory", RenderKilled),
        (1, "Unknown encoder 'libx264'", FfmpegMissing),
        (127, "setpriv: activate capabilities: Operation not permitted", FfmpegMissing),
        (1, "prlimit: failed to set the AS resource limit: Operation not permitted", FfmpegMissing),
        (1, "[mov] title is setpriv: , which proves nothing", UnreadableClip),
        (-9, "", RenderKilled),
        (255, "Exiting normally, received signal 15.", RenderKilled),
    ],
)
def test_the_end_of_ffmpeg_tells_the_clips_fault_from_the_machines(
    code: int, last_words: str, error: type[MediaError]
) -> None:
    with pytest.raises(MediaError) as raised:
        raise_for_exit(code, last_words)
    assert type(raised.value) is error
    assert last_words in str(raised.value)


def test_a_good_end_raises_nothing() -> None:
    raise_for_exit(0, "No space left on device, says a file's title")
