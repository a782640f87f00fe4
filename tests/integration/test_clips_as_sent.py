"""Clips as phones, browsers, cameras and editors write them: the tests render them and check picture and sound.

Each clip imitates one from a public bug report about a video platform.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.config import ProfileName
from app.media.encoder import Encoder, Rendering
from app.media.errors import UnreadableClip
from app.media.orientation import Orientation
from app.media.probe import probe
from app.media.profiles import PROFILES
from app.media.sound import decode_arguments
from fuzz.boxes import encode_boxes, parse_boxes
from testing.clips import SILENCE, TONE, make_clip, run_ffmpeg
from tests.looking import ENGINE_PARAMS, ENGINES, FFMPEG, colour_at, loudness, small_profiles, sound_seconds

BROADCAST, LITE = ProfileName.BROADCAST, ProfileName.LITE
INTRO = PROFILES[BROADCAST].intro_seconds
MIDDLE = 0.5, 0.5
GREEN_BAR = "color=c=0x00A000"
SMALL: dict[str, object] = {"width": 640, "height": 360, "fps": 15, "seconds": 2.0}

PQ = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
BT709 = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")


SPATIAL = (b"mp4a", b"apac"), (b"esds", b"free")
"""Byte replacements that make a parser take the first audio track for Apple's spatial audio format."""


@pytest.fixture(params=ENGINE_PARAMS)
def engine(request: pytest.FixtureRequest) -> Path:
    return ENGINES[request.param]()


Render = Callable[..., Rendering]


@pytest.fixture
def render(tmp_path: Path, engine: Path) -> Iterator[Render]:
    """Renders a clip at 640x360 in a new folder. test_rendering.py tests full-size renders."""

    def run(clip: Path, profile: ProfileName = BROADCAST) -> Rendering:
        out = tmp_path / f"render-{clip.stem}"
        out.mkdir()
        encoder = Encoder(ffmpeg=engine, brand_dir=None, timeout_seconds=120, memory_bytes=8 << 30, preset="ultrafast")
        return encoder.render(clip, out, profile, on_progress=lambda _: None, stop=threading.Event())

    with small_profiles():
        yield run


def small_clip(path: Path, **options: object) -> Path:
    return make_clip(path, **{**SMALL, **options})  # type: ignore[arg-type]


def remux(source: Path, path: Path, *options: str) -> Path:
    """Copy the streams into another file."""
    run_ffmpeg("-i", str(source), "-map", "0", "-c", "copy", *options, "-f", "mp4", str(path))
    return path


def patch(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """Replace the first occurrence of each byte string with a byte string of the same length."""
    content = path.read_bytes()
    for old, new in changes:
        assert len(old) == len(new)
        assert old in content
        content = content.replace(old, new, 1)
    path.write_bytes(content)
    return path


def joined_stream(path: Path, *parts: Path, codec: str = "h264") -> Path:
    """Concatenate streams into one track, as a recorder does when its format changes during a recording."""
    raw = path.with_suffix(f".{codec}")
    with raw.open("wb") as out:
        for number, part in enumerate(parts):
            piece = path.with_name(f"piece{number}.{codec}")
            run_ffmpeg("-i", str(part), "-map", "0:0", "-c", "copy", "-f", codec, str(piece))
            out.write(piece.read_bytes())
    rate = ["-framerate", str(SMALL["fps"])] if codec == "h264" else []
    run_ffmpeg("-f", codec, *rate, "-i", str(raw), "-c", "copy", "-f", "mp4", str(path))
    return path


def with_sound(picture: Path, sound: Path, path: Path) -> Path:
    run_ffmpeg("-i", str(picture), "-i", str(sound), "-map", "0:v", "-map", "1:a", "-c", "copy", "-f", "mp4", str(path))
    return path


# Sound


def test_sound_without_a_stated_channel_count_is_kept(tmp_path: Path, render: Render) -> None:
    """Opus in a fragmented MP4, as a browser's MediaRecorder writes it."""
    plain = small_clip(tmp_path / "plain.mp4", audio=None)
    run_ffmpeg("-f", "lavfi", "-i", f"{TONE}:duration=2", "-c:a", "libopus", "-f", "mp4", str(tmp_path / "opus.mp4"))
    clip = tmp_path / "clip.mp4"
    run_ffmpeg(
        *("-i", str(plain), "-i", str(tmp_path / "opus.mp4"), "-map", "0:v", "-map", "1:a", "-c", "copy"),
        *("-movflags", "+frag_keyframe+empty_moov", "-f", "mp4", str(clip)),
    )
    made = render(clip)
    assert probe(clip).audio_channels == 1
    assert loudness(made.video) == pytest.approx(-16, abs=1)
    assert not made.sound_lost


def two_tracks(tmp_path: Path) -> Path:
    """A low tone in the first audio track, a high one in the second; the first is 10 dB louder."""
    plain = small_clip(tmp_path / "plain.mp4", audio=None)
    clip = tmp_path / "clip.mp4"
    run_ffmpeg(
        *("-i", str(plain), "-f", "lavfi", "-i", "sine=frequency=200:sample_rate=48000:duration=2"),
        *("-f", "lavfi", "-i", "sine=frequency=3000:sample_rate=48000:duration=2,volume=-10dB"),
        *("-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:v", "copy", "-c:a", "aac", "-f", "mp4", str(clip)),
    )
    return clip


def share_of_high_tones(video: Path) -> float:
    """Return how much louder the whole sound is than its part below about 600 Hz, in LU."""
    low, whole = (loudness(video, chain) for chain in ("lowpass=f=600:p=2,lowpass=f=600:p=2,", ""))
    return whole - low


def test_the_first_sound_track_that_decodes_is_measured_and_rendered(tmp_path: Path, render: Render) -> None:
    """Recent iPhones write spatial sound (APAC), which no FFmpeg reads, as the first track, and AAC as the second."""
    clip = two_tracks(tmp_path)
    assert share_of_high_tones(render(clip).video) < 1
    unreadable = tmp_path / "apac.mp4"
    unreadable.write_bytes(clip.read_bytes())
    patch(unreadable, *SPATIAL)
    made = render(unreadable)
    assert share_of_high_tones(made.video) > 10
    assert loudness(made.video) == pytest.approx(-16, abs=1)
    assert not made.sound_lost


def test_a_track_that_declares_aac_but_does_not_decode_is_skipped(tmp_path: Path, render: Render) -> None:
    clip = two_tracks(tmp_path)
    content = bytearray(clip.read_bytes())
    esds = content.index(b"esds")
    content[esds + 8 : esds + 40] = bytes(32)
    clip.write_bytes(content)
    made = render(clip)
    assert share_of_high_tones(made.video) > 10
    assert not made.sound_lost


def test_a_clip_without_a_decodable_sound_track_keeps_its_picture(tmp_path: Path, render: Render) -> None:
    clip = patch(small_clip(tmp_path / "clip.mp4"), *SPATIAL)
    made = render(clip)
    assert made.sound_lost
    assert probe(made.video).audio_channels == 0
    assert made.duration_seconds == pytest.approx(7, abs=0.05)


def test_a_profile_without_sound_reports_no_lost_sound(tmp_path: Path, render: Render) -> None:
    clip = patch(small_clip(tmp_path / "clip.mp4"), *SPATIAL)
    assert not render(clip, LITE).sound_lost


def test_an_empty_sound_track_counts_as_no_sound(tmp_path: Path, render: Render) -> None:
    clip = small_clip(tmp_path / "clip.mp4")
    boxes = parse_boxes(clip.read_bytes())
    tracks = [box for top in boxes for box in top.walk() if box.kind == b"trak"]
    for table in tracks[1].walk():
        count_at = {b"stts": 4, b"stsc": 4, b"stsz": 8, b"stco": 4}.get(table.kind)
        if count_at is not None:
            table.body = table.body[:count_at] + bytes(4) + table.body[count_at + 4 :]
    clip.write_bytes(encode_boxes(boxes))
    assert b"mp4a" in clip.read_bytes()
    made = render(clip)
    assert probe(made.video).audio_channels == 0
    assert not made.sound_lost


def test_a_sound_that_changes_its_layout_in_the_middle_is_rendered_whole(tmp_path: Path, render: Render) -> None:
    """The sound is AC-3 that changes from 5.1 to stereo, as television recorders write it."""
    pieces = []
    for number, channels in enumerate(("5.1", "stereo")):
        piece = tmp_path / f"part{number}.mp4"
        tone = f"{TONE}:duration=1,aformat=channel_layouts={channels}"
        run_ffmpeg("-f", "lavfi", "-i", tone, "-c:a", "ac3", "-f", "mp4", str(piece))
        pieces.append(piece)
    sound = joined_stream(tmp_path / "sound.mp4", *pieces, codec="ac3")
    clip = with_sound(small_clip(tmp_path / "plain.mp4", audio=None), sound, tmp_path / "clip.mp4")
    made = render(clip)
    assert made.duration_seconds == pytest.approx(7, abs=0.05)
    assert sound_seconds(made.video) == pytest.approx(7, abs=0.05)
    for second in (INTRO + 0.5, INTRO + 1.5):
        assert loudness_at(made.video, second) == pytest.approx(-16, abs=8)


def loudness_at(video: Path, second: float) -> float:
    """Return the mean volume of the quarter of a second that begins at `second`, in dBFS."""
    run = [str(FFMPEG), "-nostats", "-hide_banner", "-ss", str(second), "-t", "0.25", "-i", str(video), "-vn"]
    said = subprocess.run([*run, "-af", "volumedetect", "-f", "null", "-"], capture_output=True, text=True, check=True)
    return float(re.findall(r"mean_volume: (-?[\d.]+|-inf) dB", said.stderr)[-1])


def test_a_muted_microphones_hiss_stays_quiet(tmp_path: Path, render: Render) -> None:
    hiss = "anoisesrc=color=white:sample_rate=48000:seed=1,volume=-48dB"
    clip = small_clip(tmp_path / "clip.mp4", audio=hiss, seconds=4)
    before = loudness(clip)
    assert -70 < before < -50
    assert loudness(render(clip).video) == pytest.approx(before + 20, abs=2)


# Time


def test_a_delay_that_all_tracks_share_is_removed(tmp_path: Path, render: Render) -> None:
    clip = remux(small_clip(tmp_path / "plain.mp4"), tmp_path / "clip.mp4", "-output_ts_offset", "5")
    assert probe(clip).duration_seconds == pytest.approx(2, abs=0.05)
    made = render(clip)
    assert made.duration_seconds == pytest.approx(7, abs=0.1)
    assert colour_at(made.video, INTRO + 0.5, MIDDLE)[0] > 40
    assert loudness_at(made.video, INTRO + 1.5) > -30


def test_the_shared_delay_of_fragments_is_removed(tmp_path: Path, render: Render) -> None:
    """The recorder was already running when the clip began, so the first timestamp is not zero."""
    plain = small_clip(tmp_path / "plain.mp4")
    fragments = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof+delay_moov", "-output_ts_offset", "100")
    clip = remux(plain, tmp_path / "clip.mp4", *fragments)
    assert probe(clip).duration_seconds == pytest.approx(2, abs=0.1)
    assert render(clip).duration_seconds == pytest.approx(7, abs=0.15)


def test_sound_that_begins_after_the_picture_keeps_its_delay(tmp_path: Path, render: Render) -> None:
    plain = small_clip(tmp_path / "plain.mp4")
    clip = tmp_path / "clip.mp4"
    run_ffmpeg(
        *("-i", str(plain), "-itsoffset", "1", "-i", str(plain), "-map", "0:v", "-map", "1:a", "-c", "copy"),
        *("-t", "2", "-f", "mp4", str(clip)),
    )
    made = render(clip)
    assert loudness_at(made.video, INTRO + 0.5) < -60
    assert loudness_at(made.video, INTRO + 1.3) > -30


def test_a_picture_held_across_the_end_of_the_shown_part_is_cut_exactly(tmp_path: Path, render: Render) -> None:
    """A slide show of forty seconds with one frame every eight seconds."""
    clip = small_clip(tmp_path / "clip.mp4", fps="1/8", seconds=40)
    assert render(clip, LITE).duration_seconds == pytest.approx(35, abs=0.02)


# Changes in mid-stream


@pytest.mark.parametrize(
    "second",
    [
        {"width": 320, "height": 180},
        {"width": 360, "height": 640},
        {"pix_fmt": "yuvj420p"},
        {"pix_fmt": "yuv444p"},
    ],
    ids=["a smaller picture", "a phone that is turned", "full range", "full chroma"],
)
def test_a_picture_that_changes_in_the_middle_is_rendered_whole(
    tmp_path: Path, render: Render, second: dict[str, object]
) -> None:
    grey = {"picture": "color=c=0x808080", "audio": None}
    first = small_clip(tmp_path / "first.mp4", **grey)
    other = small_clip(tmp_path / "second.mp4", **{**grey, **second})
    made = render(joined_stream(tmp_path / "clip.mp4", first, other))
    assert made.duration_seconds == pytest.approx(9, abs=0.1)
    for moment in (INTRO + 1, INTRO + 3):
        assert colour_at(made.video, moment, MIDDLE) == pytest.approx((126, 128, 128), abs=3)
    upright = second.get("height", 0) == 640
    edge = colour_at(made.video, INTRO + 3, (0.05, 0.5))
    assert edge == pytest.approx((16, 128, 128) if upright else (126, 128, 128), abs=3)


def test_an_hdr_picture_that_changes_in_the_middle_is_rendered_whole(tmp_path: Path, render: Render) -> None:
    hdr = {"picture": GREEN_BAR, "video_codec": "libx265", "pix_fmt": "yuv420p10le", "colour": PQ, "audio": None}
    first = small_clip(tmp_path / "first.mp4", **hdr, fps=5)
    other = small_clip(tmp_path / "second.mp4", **hdr, fps=5, width=360, height=640)
    clip = joined_stream(tmp_path / "clip.mp4", first, other, codec="hevc")
    made = render(clip, LITE)
    length = probe(clip).duration_seconds
    assert made.duration_seconds == pytest.approx(length + 5, abs=0.1)
    early, late = (colour_at(made.video, INTRO + length * part, MIDDLE) for part in (0.25, 0.75))
    assert late == pytest.approx(early, abs=3)


def test_a_turned_clip_whose_picture_changes_is_rendered_whole(tmp_path: Path, render: Render) -> None:
    """FFmpeg's rotating filters read out of bounds when a frame is smaller than the first frame."""
    first = small_clip(tmp_path / "first.mp4", audio=None)
    other = small_clip(tmp_path / "second.mp4", audio=None, width=160, height=90)
    joined = joined_stream(tmp_path / "joined.mp4", first, other)
    clip = remux(joined, tmp_path / "clip.mp4", "-metadata:s:v", "rotate=90")
    assert render(clip).duration_seconds == pytest.approx(9, abs=0.1)


EIGHT_WAYS = [(mirrored, turn) for mirrored in (False, True) for turn in (0, 90, 180, 270)]


@pytest.mark.parametrize(("mirrored", "turn"), EIGHT_WAYS)
def test_every_camera_orientation_is_shown_upright(tmp_path: Path, render: Render, mirrored: bool, turn: int) -> None:
    """From the track's matrix, the test computes where the red corner of the stored picture must appear."""
    corner = "drawbox=x=0:y=0:w=iw/4:h=ih/4:color=red:t=fill"
    clip = small_clip(
        tmp_path / "clip.mp4", picture="color=c=blue", drawing=corner, audio=None, width=640, height=640, seconds=1
    )
    content = bytearray(clip.read_bytes())
    at = content.index(b"tkhd") + 44
    a, b, c, d = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[turn]
    a, b = (-a, -b) if mirrored else (a, b)
    matrix = [number << 16 for number in (a, b, 0, c, d, 0, 0, 0)]
    content[at : at + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in [*matrix, 1 << 30])
    clip.write_bytes(content)
    assert probe(clip).orientation == Orientation(mirrored, turn)
    x, y = -0.3, -0.3
    shown_x, shown_y = 0.5 + (a * x + c * y) * 9 / 16, 0.5 + b * x + d * y
    video = render(clip, LITE).video
    for spot in ((0.5 + sign_x * 0.3 * 9 / 16, 0.5 + sign_y * 0.3) for sign_x in (-1, 1) for sign_y in (-1, 1)):
        is_red = abs(spot[0] - shown_x) < 0.01 and abs(spot[1] - shown_y) < 0.01
        assert (colour_at(video, INTRO + 0.5, spot)[2] > 180) == is_red, spot


# Colours


@pytest.mark.parametrize("wiped", [True, False], ids=["container alone", "transfer alone"])
def test_hdr_with_incomplete_tags_looks_as_with_complete_ones(tmp_path: Path, render: Render, wiped: bool) -> None:
    options = {"video_codec": "libx265", "pix_fmt": "yuv420p10le", "audio": None, "fps": 5, "seconds": 1}
    whole = small_clip(tmp_path / "whole.mp4", picture=GREEN_BAR, colour=PQ, **options)
    unsaid = "colour_primaries=2:matrix_coefficients=2" + (":transfer_characteristics=2" if wiped else "")
    clip = remux(whole, tmp_path / "clip.mp4", "-bsf:v", f"hevc_metadata={unsaid}")
    if not wiped:
        patch(clip, (b"nclx\x00\x09\x00\x10\x00\x09", b"nclx\x00\x02\x00\x10\x00\x02"))
    assert probe(clip).colour == probe(whole).colour
    expected = colour_at(render(whole).video, INTRO + 0.5, MIDDLE)
    assert colour_at(render(clip).video, INTRO + 0.5, MIDDLE) == pytest.approx(expected, abs=2)


def test_colour_tags_in_the_container_alone_are_used_for_sdr(tmp_path: Path, render: Render) -> None:
    options = {"video_codec": "libx265", "audio": None, "fps": 5, "seconds": 1}
    whole = small_clip(tmp_path / "whole.mp4", picture=GREEN_BAR, colour=BT709, **options)
    unsaid = "hevc_metadata=colour_primaries=2:matrix_coefficients=2:transfer_characteristics=2"
    clip = remux(whole, tmp_path / "clip.mp4", "-bsf:v", unsaid)
    expected = colour_at(whole, 0.5, MIDDLE)
    assert colour_at(render(clip).video, INTRO + 0.5, MIDDLE) == pytest.approx(expected, abs=2)


def test_the_bars_beside_an_upright_hdr_clip_are_black(tmp_path: Path, render: Render) -> None:
    clip = small_clip(
        *(tmp_path / "clip.mp4",),
        width=360,
        height=640,
        picture=GREEN_BAR,
        video_codec="libx265",
        pix_fmt="yuv420p10le",
        colour=PQ,
        audio=None,
        fps=5,
        seconds=1,
    )
    video = render(clip).video
    assert colour_at(video, INTRO + 0.5, (0.05, 0.5)) == pytest.approx((16, 128, 128), abs=3)
    assert colour_at(video, INTRO + 0.5, MIDDLE)[1] < 115


# Interlaced clips


def test_interlaced_pictures_are_deinterlaced(tmp_path: Path, render: Render) -> None:
    clip = tmp_path / "clip.mp4"
    source = "testsrc2=size=1280x720:rate=50:duration=2,tinterlace=mode=interleave_top"
    encode = ("-c:v", "libx264", "-preset", "ultrafast", "-flags", "+ildct+ilme", "-x264opts", "tff=1")
    run_ffmpeg("-f", "lavfi", "-i", source, *encode, "-f", "mp4", str(clip))
    assert probe(clip).interlaced
    assert share_of_combed_frames(clip) > 0.5
    assert share_of_combed_frames(render(clip).video) < 0.05


def share_of_combed_frames(video: Path) -> float:
    """Return the share of frames that FFmpeg's `idet` filter classifies as interlaced."""
    run = [str(FFMPEG), "-nostats", "-hide_banner", "-i", str(video), "-an", "-vf", "idet", "-f", "null", "-"]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stderr
    counts = re.findall(r"Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Progressive:\s*(\d+)", said)[-1]
    top, bottom, whole = map(int, counts)
    return (top + bottom) / max(1, top + bottom + whole)


# Bytes after the clip, and missing bytes


@pytest.mark.parametrize("trailer", [b"Started by SomeApp 7\n" * 9, b"\x00\x00\x00\x00free", b"TAG" + bytes(125)])
def test_bytes_that_an_app_appends_are_accepted(tmp_path: Path, render: Render, trailer: bytes) -> None:
    clip = small_clip(tmp_path / "clip.mp4", seconds=1)
    clip.write_bytes(clip.read_bytes() + trailer)
    assert render(clip, LITE).duration_seconds == pytest.approx(6, abs=0.05)


@pytest.mark.parametrize("kind", [b"moof", b"mdat"])
def test_a_fragmented_clip_that_is_cut_inside_a_later_fragment_is_refused(tmp_path: Path, kind: bytes) -> None:
    clip = remux(small_clip(tmp_path / "plain.mp4"), tmp_path / "clip.mp4", "-movflags", "+frag_every_frame+empty_moov")
    content = clip.read_bytes()
    assert content.count(b"moof") > 3
    clip.write_bytes(content[: content.rindex(kind) + 12])
    with pytest.raises(UnreadableClip, match="cut short"):
        probe(clip)


def test_a_fragment_without_its_media_is_refused(tmp_path: Path) -> None:
    clip = remux(small_clip(tmp_path / "plain.mp4"), tmp_path / "clip.mp4", "-movflags", "+frag_every_frame+empty_moov")
    content = clip.read_bytes()
    clip.write_bytes(content[: content.rindex(b"mdat") - 4])
    with pytest.raises(UnreadableClip, match="after its last moof"):
        probe(clip)


# Hostile clips


RENDER_AND_MEASURE = """
import resource, sys, threading
from pathlib import Path
from app.config import ProfileName
from app.media.encoder import Encoder
from app.media.errors import UnreadableClip
ffmpeg, clip, out = map(Path, sys.argv[1:])
encoder = Encoder(ffmpeg=ffmpeg, brand_dir=None, timeout_seconds=60, memory_bytes=8 << 30, preset="ultrafast")
try:
    encoder.render(clip, out, ProfileName.LITE, on_progress=lambda _: None, stop=threading.Event())
except UnreadableClip:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def test_a_stream_that_switches_to_a_huge_picture_is_refused_within_bounded_memory(
    tmp_path: Path, engine: Path
) -> None:
    """The index declares 640x360, but frames in the second part have 69 megapixels and need 104 MB each."""
    first = small_clip(tmp_path / "first.mp4", picture="color=c=gray", audio=None)
    huge = small_clip(tmp_path / "huge.mp4", picture="color=c=gray", audio=None, width=8448, height=8192, seconds=0.4)
    clip = joined_stream(tmp_path / "clip.mp4", first, *[huge] * 4)
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", RENDER_AND_MEASURE, str(engine), str(clip), str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert run.stdout.strip(), "it was rendered"
    assert int(run.stdout) < 500


def test_no_decoder_outside_the_list_is_opened(tmp_path: Path, engine: Path) -> None:
    """The clip has a second video track, in the QuickTime Animation codec."""
    first = small_clip(tmp_path / "first.mp4", seconds=1)
    animated = tmp_path / "animated.mov"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5:duration=1", "-c:v", "qtrle", str(animated))
    clip = tmp_path / "clip.mov"
    run_ffmpeg("-i", str(first), "-i", str(animated), "-map", "0", "-map", "1", "-c", "copy", str(clip))
    patch(clip, (b"ftypqt  ", b"ftypisom"))
    described = probe(clip)
    assert (described.video_codec, described.picture_track) == ("AVC", 1)
    arguments = decode_arguments(clip, clip=described, profile=PROFILES[BROADCAST], track=described.sound_tracks[0])
    arguments[arguments.index("error")] = "verbose"
    out = tmp_path / "out"
    out.mkdir()
    said = subprocess.run([str(engine), *arguments], capture_output=True, text=True, check=True, cwd=out).stderr
    assert re.search(r"qtrle.* not on whitelist", said)


def test_a_silent_sound_track_is_kept(tmp_path: Path, render: Render) -> None:
    made = render(small_clip(tmp_path / "clip.mp4", audio=SILENCE))
    assert probe(made.video).audio_channels == 2
    assert not made.sound_lost
