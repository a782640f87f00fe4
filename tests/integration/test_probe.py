"""The probe's description of valid clips, and its refusal of other files."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.media import probe as probing
from app.media.boxes import MAX_BOXES
from app.media.errors import ProbeKilled, UnreadableClip
from app.media.orientation import Orientation
from app.media.probe import Clip, probe
from testing.clips import (
    SILENCE,
    TONE,
    box_span,
    cut_short,
    make_clip,
    make_jpeg,
    make_sound_alone,
    pad_to_size,
    remove_moov,
    run_ffmpeg,
)

SURROUND = TONE + ",pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0"
HLG = ("-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc")
FTYP = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


@pytest.fixture(scope="module")
def good_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("good") / "clip.mp4", seconds=2)


# Valid clips


def test_an_ordinary_clip_is_described(good_clip: Path) -> None:
    assert probe(good_clip) == Clip(
        width=1920,
        height=1080,
        duration_seconds=2.0,
        frame_rate=10.0,
        video_codec="AVC",
        bit_depth=8,
        chroma="4:2:0",
        audio_channels=1,
        pictures=20,
        picture_track=1,
        sound_tracks=(2,),
        declares_sound=True,
    )


def test_width_and_height_are_the_coded_pixels_whatever_the_rotation(tmp_path: Path) -> None:
    clip = probe(make_clip(tmp_path / "clip.mp4", seconds=1, fps=2, rotation=90))
    assert (clip.width, clip.height, clip.orientation) == (1920, 1080, Orientation(turn_degrees=90))


@pytest.mark.parametrize(("width", "height"), [(1919, 1080), (1920, 1079), (8192, 1080), (16384, 1080)])
def test_sizes_are_exact(tmp_path: Path, width: int, height: int) -> None:
    clip = probe(make_clip(tmp_path / "clip.mp4", seconds=1, fps=1, width=width, height=height, pix_fmt="yuv444p"))
    assert (clip.width, clip.height) == (width, height)


@pytest.mark.parametrize("seconds", [19.9, 20.0, 60.0, 60.1])
def test_the_duration_is_exact_to_the_millisecond(tmp_path: Path, seconds: float) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=seconds, picture="color=c=orange", width=320, height=180)
    assert probe(clip).duration_seconds == seconds


def test_the_duration_ignores_sound_that_outlasts_the_picture(tmp_path: Path) -> None:
    clip = probe(make_clip(tmp_path / "clip.mp4", seconds=2, audio_seconds=5))
    assert clip.duration_seconds == 2.0


@pytest.mark.parametrize(
    ("audio", "channels"), [(None, 0), (TONE, 1), (SILENCE, 2), (SURROUND, 6)], ids=["none", "mono", "stereo", "5.1"]
)
def test_the_channels_of_the_sound_are_counted(tmp_path: Path, audio: str | None, channels: int) -> None:
    clip = probe(make_clip(tmp_path / "clip.mp4", seconds=1, fps=2, audio=audio))
    assert clip.audio_channels == channels
    assert bool(clip.sound_tracks) == (channels > 0)


def test_ten_bit_hlg_is_hdr(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "clip.mp4", seconds=1, fps=5, video_codec="libx265", pix_fmt="yuv420p10le", colour=HLG, audio=None
    )
    clip = probe(path)
    assert (clip.video_codec, clip.bit_depth, clip.colour.hdr) == ("HEVC", 10, True)


@pytest.mark.parametrize("brand", [b"isom", b"mp41", b"mp42", b"avc1", b"hvc1", b"M4V ", b"3gp4", b"XAVC"])
def test_the_brands_that_phones_write_are_accepted(good_clip: Path, tmp_path: Path, brand: bytes) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(good_clip.read_bytes().replace(b"ftypisom", b"ftyp" + brand, 1))
    assert probe(clip).video_codec == "AVC"


def test_a_fragmented_mp4_is_accepted(tmp_path: Path, good_clip: Path) -> None:
    clip = tmp_path / "clip.mp4"
    run_ffmpeg("-i", str(good_clip), "-c", "copy", "-movflags", "+frag_keyframe+empty_moov", str(clip))
    assert probe(clip).duration_seconds == pytest.approx(2.0, abs=0.2)


def test_a_trailer_behind_the_last_box_is_accepted(good_clip: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(good_clip.read_bytes() + b"\x00\x01\xfe\xff" * 50)
    assert probe(clip).duration_seconds == 2.0


def test_a_clip_of_100_mib_is_described_within_a_second_and_without_being_read_whole(
    good_clip: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(good_clip.read_bytes())
    pad_to_size(clip, 104_857_600)
    assert clip.stat().st_size == 104_857_600
    started = time.process_time()
    assert probe(clip).duration_seconds == 2.0
    assert time.process_time() - started < 1


# Files that are not clips


def _quicktime(path: Path) -> None:
    make_clip(path, seconds=1, fps=2, container="mov")


def _matroska(path: Path) -> None:
    make_clip(path, seconds=1, fps=2, container="matroska")


def _cut(path: Path, *, faststart: bool) -> None:
    cut_short(make_clip(path, seconds=2, fps=5, faststart=faststart))


def _index_alone(path: Path) -> None:
    make_clip(path, seconds=1, fps=2, faststart=True)
    content = path.read_bytes()
    path.write_bytes(content[: box_span(content, b"moov")[1]])


def _one_byte_less(path: Path) -> None:
    make_clip(path, seconds=1, fps=2, faststart=True)
    path.write_bytes(path.read_bytes()[:-1])


def _without_moov(path: Path) -> None:
    remove_moov(make_clip(path, seconds=1, fps=2))


def _unknown_codec(path: Path) -> None:
    make_clip(path, seconds=1, fps=2)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\nfile:/etc/passwd\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1"><BaseURL>/etc/passwd</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
FFCONCAT = "ffconcat version 1.0\nfile /etc/passwd\n"

NO_CLIPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "empty"),
    "text": (lambda path: path.write_text("I am a video.\n" * 100), "ftyp"),
    "three bytes": (lambda path: path.write_bytes(b"abc"), "ftyp"),
    "JPEG": (make_jpeg, "ftyp"),
    "PDF": (lambda path: path.write_bytes(b"%PDF-1.4\n%%EOF\n"), "ftyp"),
    "MOV": (_quicktime, "QuickTime"),
    "Matroska": (_matroska, "ftyp"),
    "ftyp alone": (lambda path: path.write_bytes(FTYP), "moov"),
    "ftyp and rubbish": (lambda path: path.write_bytes(FTYP + bytes(range(128, 228))), "damaged"),
    "MP4 without moov": (_without_moov, "moov"),
    "MP4 without a video track": (make_sound_alone, "no video track"),
    "MP4 with an unknown codec": (_unknown_codec, "not decodable"),
    "cut mdat behind the index": (lambda path: _cut(path, faststart=True), "cut short"),
    "cut mdat before the index": (lambda path: _cut(path, faststart=False), "cut short"),
    "cut between index and media": (_index_alone, "mdat"),
    "one byte less": (_one_byte_less, "cut short"),
    "HLS": (lambda path: path.write_text(HLS), "ftyp"),
    "DASH": (lambda path: path.write_text(DASH), "ftyp"),
    "ffconcat": (lambda path: path.write_text(FFCONCAT), "ftyp"),
}


@pytest.mark.parametrize("name", NO_CLIPS)
def test_a_file_that_is_not_a_clip_is_refused_with_a_sentence_for_the_operator(tmp_path: Path, name: str) -> None:
    write, reason = NO_CLIPS[name]
    path = tmp_path / "clip.mp4"
    write(path)
    with pytest.raises(UnreadableClip, match=reason) as refusal:
        probe(path)
    assert str(refusal.value).endswith(".")
    assert str(tmp_path) not in str(refusal.value)


@pytest.mark.parametrize("name", ["text", "JPEG", "MOV", "HLS", "DASH", "ffconcat", "MP4 without moov"])
def test_mediainfo_is_not_run_on_a_file_that_does_not_begin_like_an_mp4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "clip.mp4"
    NO_CLIPS[name][0](path)
    monkeypatch.setattr(probing, "_run_mediainfo", lambda _: pytest.fail("MediaInfo was started"))
    with pytest.raises(UnreadableClip):
        probe(path)


def test_a_playlist_after_an_ftyp_box_does_not_cause_a_read_of_its_file(good_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(FTYP + HLS.replace("file:/etc/passwd", str(good_clip)).encode())
    with pytest.raises(UnreadableClip):
        probe(path)


def test_a_million_empty_boxes_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(FTYP + b"\x00\x00\x00\x08free" * 1_000_000)
    started = time.perf_counter()
    with pytest.raises(UnreadableClip, match=str(MAX_BOXES)):
        probe(path)
    assert time.perf_counter() - started < 2


# MediaInfo's process


@pytest.fixture
def fake_mediainfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def install(code: str) -> None:
        script = tmp_path / "fake_mediainfo.py"
        script.write_text(code)
        monkeypatch.setattr(probing, "_MEDIAINFO", script)

    return install


def test_an_index_that_makes_mediainfo_spin_is_refused(good_clip: Path, fake_mediainfo: Callable[[str], None]) -> None:
    fake_mediainfo("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass\n")
    with pytest.raises(UnreadableClip, match="index is damaged"):
        probe(good_clip)


def test_a_mediainfo_that_hangs_is_given_up(
    good_clip: Path, fake_mediainfo: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "WALL_SECONDS", 0.5)
    fake_mediainfo("import time\ntime.sleep(60)\n")
    with pytest.raises(UnreadableClip, match="did not finish reading"):
        probe(good_clip)


def test_a_mediainfo_killed_from_outside_is_not_blamed_on_the_clip(
    good_clip: Path, fake_mediainfo: Callable[[str], None]
) -> None:
    fake_mediainfo("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(ProbeKilled, match="signal 9"):
        probe(good_clip)


def test_mediainfo_limits_its_own_time_and_memory(good_clip: Path) -> None:
    code = (
        "import runpy, sys\n"
        "from resource import RLIMIT_AS, RLIMIT_CPU, getrlimit\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "print(getrlimit(RLIMIT_CPU)[0], getrlimit(RLIMIT_AS)[0], file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", code, str(probing._MEDIAINFO)]
    with good_clip.open("rb") as clip:
        run = subprocess.run(command, stdin=clip, capture_output=True, text=True, check=True)
    assert run.stderr.split() == ["5", str(1 << 30)]


def test_a_damaged_index_never_hangs_the_probe(good_clip: Path, tmp_path: Path) -> None:
    """The test writes random bytes at fixed positions of the index. The probe may accept the clip, but must finish."""
    content = good_clip.read_bytes()
    start, end = box_span(content, b"moov")
    path = tmp_path / "clip.mp4"
    for step in (7, 11, 13, 17, 19):
        damaged = bytearray(content)
        damaged[start + 8 + step : end : step * 9] = os.urandom(len(range(start + 8 + step, end, step * 9)))
        path.write_bytes(damaged)
        started = time.perf_counter()
        with contextlib.suppress(UnreadableClip):
            probe(path)
        assert time.perf_counter() - started < 20
