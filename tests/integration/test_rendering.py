"""Real clips, rendered by the real FFmpeg; the tests inspect the resulting files."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.config import ProfileName
from app.media.boxes import walk_boxes
from app.media.colour import BT709
from app.media.commands import Artwork, render_arguments
from app.media.encoder import HOUSE_BRAND, Encoder, Rendering
from app.media.errors import (
    ArtworkMissing,
    FfmpegMissing,
    RenderInterrupted,
    RenderKilled,
    RenderTimedOut,
    UnreadableClip,
    WorkDirectoryFull,
)
from app.media.ffmpeg import FfmpegJob
from app.media.orientation import UPRIGHT
from app.media.probe import probe
from app.media.profiles import PROFILES
from app.media.sound import decode_arguments
from testing.clips import LOCATION, SILENCE, TONE, box_span, make_clip
from tests.looking import (
    ENGINE_PARAMS,
    ENGINES,
    FFMPEG,
    PACKAGED_FFMPEG,
    colour_at,
    colour_in_picture,
    jpeg_size,
    loudness,
    sample_durations,
    small_profiles,
    sound_seconds,
)

BROADCAST, LITE = ProfileName.BROADCAST, ProfileName.LITE
INTRO = PROFILES[BROADCAST].intro_seconds
GREY = "color=c=0x808080"
MIDDLE = 0.5, 0.5
WATERMARK = 0.868, 0.922
"""The position of the orange star in the built-in watermark, as fractions of the picture's width and height."""
BOTTOM_LEFT = 0.07, 0.93
LEFT, RIGHT = (0.05, 0.5), (0.95, 0.5)
BLACK = pytest.approx((16, 128, 128), abs=3)

PLACE = "com.apple.quicktime.location.ISO6709"
"""The metadata tag in which an iPhone stores where the clip was recorded."""

HLG = ("-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc")
STEREO = TONE + ",aformat=channel_layouts=stereo"
SURROUND = TONE + ",pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0"
DYNAMIC = "aevalsrc='0.9*sin(2*PI*180*t)*exp(-30*mod(t,1))+0.0005*random(0)':s=48000"


@dataclass(frozen=True)
class Case:
    """A kind of clip: how to make it, how long its picture lasts, and whether it has audible sound."""

    make: Callable[[Path], object]
    seconds: float = 2.0
    sound: bool = True
    full_size: bool = False
    """Whether imageio-ffmpeg's FFmpeg renders this kind at the profile's size instead of 640x360, which is faster.

    The system's FFmpeg renders every kind at the profile's size.
    """


def _clip(**options: object) -> Callable[[Path], object]:
    settings: dict[str, object] = {"seconds": 2.0, "fps": 15, **options}
    return lambda path: make_clip(path, **settings)  # type: ignore[arg-type]


CASES = {
    "landscape": Case(
        _clip(seconds=3, fps=30, audio=STEREO, metadata={PLACE: LOCATION, "title": "At home"}),
        seconds=3.0,
        full_size=True,
    ),
    "grey": Case(_clip(picture=GREY, audio=None), sound=False, full_size=True),
    "portrait": Case(_clip(width=1080, height=1920, picture=GREY), full_size=True),
    "turned": Case(_clip(rotation=90, picture=GREY, audio=None), sound=False),
    "variable frame rate": Case(_clip(fps=30, variable_frame_rate=True)),
    "60 frames per second": Case(_clip(fps=60)),
    "10-bit HEVC": Case(_clip(video_codec="libx265", pix_fmt="yuv420p10le", fps=10)),
    "HLG": Case(
        _clip(video_codec="libx265", pix_fmt="yuv420p10le", colour=HLG, seconds=1, fps=5, picture=GREY),
        seconds=1.0,
        full_size=True,
    ),
    "odd size": Case(_clip(width=1921, height=1081, pix_fmt="yuv444p"), full_size=True),
    "5.1": Case(_clip(audio=SURROUND)),
    "silent": Case(_clip(audio=SILENCE), sound=False),
    "sound shorter than the picture": Case(_clip(audio_seconds=1)),
    "sound longer than the picture": Case(_clip(audio_seconds=5)),
    "quiet": Case(_clip(audio=TONE + ",volume=-12dB")),
    "very dynamic": Case(_clip(seconds=4, audio=DYNAMIC), seconds=4.0),
    "quiet but for its end": Case(_clip(audio=TONE + ",volume='if(lt(t,1.5),0.03,1)':eval=frame")),
}


@dataclass(frozen=True)
class Rendered:
    """One render that many tests inspect."""

    case: Case
    source: Path
    rendering: Rendering
    progress: list[float]
    size: tuple[int, int]
    """The expected size of the broadcast profile's video, in pixels."""

    @property
    def video(self) -> Path:
        return self.rendering.video

    def colour(self, seconds: float, spot: tuple[float, float]) -> tuple[float, float, float]:
        return colour_at(self.video, seconds, spot)


def encoder(**settings: object) -> Encoder:
    defaults: dict[str, object] = {
        "ffmpeg": None,
        "brand_dir": None,
        "timeout_seconds": 120,
        "memory_bytes": 8 << 30,
        "preset": "ultrafast",
    }
    return Encoder(**{**defaults, **settings})  # type: ignore[arg-type]


Sources = Callable[[str], Path]
RenderCase = Callable[..., Rendered]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Creates each kind of clip once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("sources") / "clip.mp4"
            CASES[name].make(made[name])
        return made[name]

    return make


@pytest.fixture(scope="module", params=ENGINE_PARAMS)
def engine(request: pytest.FixtureRequest) -> Path:
    """The FFmpeg that renders the clips. The tests inspect the results with the system's FFmpeg if it is installed."""
    return ENGINES[request.param]()


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, source: Sources, engine: Path) -> RenderCase:
    """Renders each kind of clip once for each profile and FFmpeg."""
    done: dict[tuple[str, ProfileName, Path | None], Rendered] = {}

    def render(name: str, profile: ProfileName = BROADCAST, ffmpeg: Path = engine) -> Rendered:
        key = name, profile, ffmpeg
        if key not in done:
            progress: list[float] = []
            full_size = CASES[name].full_size or ffmpeg != PACKAGED_FFMPEG
            with nullcontext() if full_size else small_profiles():
                rendering = encoder(ffmpeg=ffmpeg).render(
                    source(name),
                    tmp_path_factory.mktemp("render"),
                    profile,
                    on_progress=progress.append,
                    stop=threading.Event(),
                )
            size = (1920, 1080) if full_size else (640, 360)
            done[key] = Rendered(CASES[name], source(name), rendering, progress, size)
        return done[key]

    return render


# Every kind of clip


@pytest.mark.parametrize("name", CASES)
def test_every_clip_becomes_the_same_kind_of_video(rendered: RenderCase, name: str) -> None:
    made = rendered(name)
    found = probe(made.video)
    assert (found.width, found.height) == made.size
    assert (found.video_codec, found.chroma, found.bit_depth) == ("AVC", "4:2:0", 8)
    assert (found.frame_rate, found.orientation, found.interlaced) == (30.0, UPRIGHT, False)
    assert found.colour == replace(BT709, full_range=False)
    assert len(sample_durations(made.video)) == 1
    assert found.duration_seconds == pytest.approx(made.case.seconds + 5, abs=0.1)
    assert made.rendering.duration_seconds == found.duration_seconds


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.sound])
def test_sound_lands_at_minus_16_lufs(rendered: RenderCase, name: str) -> None:
    assert loudness(rendered(name).video) == pytest.approx(-16, abs=1)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.sound] + ["silent"])
def test_sound_is_stereo_and_lasts_as_long_as_the_picture(rendered: RenderCase, name: str) -> None:
    video = rendered(name).video
    assert probe(video).audio_channels == 2
    assert sound_seconds(video) == pytest.approx(probe(video).duration_seconds, abs=0.05)


@pytest.mark.parametrize("name", ["landscape", "portrait", "HLG"])
def test_the_packaged_ffmpeg_renders_the_same(rendered: RenderCase, name: str) -> None:
    made = rendered(name, ffmpeg=PACKAGED_FFMPEG)
    found, other = probe(made.video), probe(rendered(name).video)
    assert replace(found, duration_seconds=0) == replace(other, duration_seconds=0)
    assert found.duration_seconds == pytest.approx(other.duration_seconds, abs=0.05)
    assert loudness(made.video) == pytest.approx(-16, abs=1)
    assert made.colour(1.2, MIDDLE) == pytest.approx(rendered(name).colour(1.2, MIDDLE), abs=4)


# The picture


def test_the_watermark_is_burned_into_the_clip_and_nowhere_else(rendered: RenderCase) -> None:
    made = rendered("grey")
    plain = colour_at(made.source, 1, MIDDLE)
    assert made.colour(INTRO + 1, MIDDLE) == pytest.approx(plain, abs=3)
    assert made.colour(INTRO + 1, BOTTOM_LEFT) == pytest.approx(plain, abs=3)
    assert plain == pytest.approx((126, 128, 128), abs=3)
    _, cb, cr = made.colour(INTRO + 1, WATERMARK)
    assert cb < 110
    assert cr > 145


def test_a_long_clip_is_cut_to_thirty_seconds_and_its_untagged_colours_are_not_shifted(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=33, fps=2, picture="color=c=orange")
    made = encoder().render(clip, tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event())
    assert made.duration_seconds == pytest.approx(35, abs=0.05)
    assert colour_at(made.video, 10, MIDDLE) == pytest.approx(colour_at(clip, 10, MIDDLE), abs=3)


def test_a_portrait_clip_is_padded_to_16_9(rendered: RenderCase) -> None:
    made = rendered("portrait")
    assert made.colour(INTRO + 1, LEFT) == BLACK
    assert made.colour(INTRO + 1, RIGHT) == BLACK
    assert made.colour(INTRO + 1, MIDDLE) == pytest.approx(colour_at(made.source, 1, MIDDLE), abs=3)
    assert made.colour(INTRO + 1, (0.5, 0.01)) != BLACK


def test_a_clip_filmed_upright_is_shown_upright(rendered: RenderCase) -> None:
    made = rendered("turned")
    assert made.colour(INTRO + 1, LEFT) == BLACK
    assert made.colour(INTRO + 1, MIDDLE) != BLACK
    assert made.colour(INTRO + 1, (0.5, 0.01)) != BLACK


def test_a_turned_clip_is_turned_the_right_way_round(tmp_path: Path) -> None:
    """After a quarter turn clockwise, the red left half is at the top."""
    right_half_blue = "drawbox=x=iw/2:w=iw/2:h=ih:color=blue:t=fill"
    clip = make_clip(
        tmp_path / "clip.mp4",
        seconds=1,
        fps=5,
        picture="color=c=red",
        drawing=right_half_blue,
        audio=None,
        rotation=90,
    )
    made = encoder().render(clip, tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event())
    above, below = (colour_at(made.video, INTRO + 0.5, spot) for spot in ((0.5, 0.2), (0.5, 0.8)))
    assert above[2] > 200
    assert below[2] < 140


def test_hdr_is_brought_down_to_sdr(rendered: RenderCase) -> None:
    """Middle grey in HLG (126 of 255) becomes lighter in SDR and remains neutral."""
    made = rendered("HLG")
    assert probe(made.source).colour.hdr
    assert not probe(made.video).colour.hdr
    assert made.colour(INTRO + 0.5, MIDDLE) == pytest.approx((141, 128, 128), abs=4)


def test_a_colour_that_sdr_cannot_show_does_not_turn_dark(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "clip.mp4",
        seconds=1,
        fps=5,
        picture="color=c=orange",
        audio=None,
        video_codec="libx265",
        pix_fmt="yuv420p10le",
        colour=HLG,
    )
    made = encoder().render(clip, tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event())
    luma, _, cr = colour_at(made.video, INTRO + 0.5, MIDDLE)
    assert luma > 50
    assert cr > 200


def test_the_clip_begins_with_the_intro_and_ends_with_the_outro(rendered: RenderCase) -> None:
    made = rendered("grey")
    total = made.rendering.duration_seconds
    for picture, seconds in (("intro.png", 1.2), ("outro.png", total - 1.2)):
        for spot in (MIDDLE, (0.2, 0.3), (0.8, 0.4)):
            assert made.colour(seconds, spot) == pytest.approx(colour_in_picture(HOUSE_BRAND / picture, spot), abs=6)
    for seconds in (0.0, INTRO - 0.02, total - 0.04):
        assert made.colour(seconds, MIDDLE)[0] < 40


@pytest.mark.parametrize(("profile", "size"), [(BROADCAST, (1920, 1080)), (LITE, (1280, 720))])
def test_the_poster_is_a_jpeg_of_the_profiles_size_and_of_the_clip(
    rendered: RenderCase, profile: ProfileName, size: tuple[int, int]
) -> None:
    made = rendered("grey", profile)
    assert jpeg_size(made.rendering.poster) == size
    luma, cb, cr = colour_at(made.rendering.poster, 0, MIDDLE)
    assert luma == pytest.approx(0x80, abs=6)
    assert (cb, cr) == pytest.approx((128, 128), abs=4)


def test_lite_is_720_lines_and_silent(rendered: RenderCase) -> None:
    made = rendered("landscape", LITE)
    found = probe(made.video)
    assert (found.width, found.height, found.frame_rate, found.chroma) == (1280, 720, 30.0, "4:2:0")
    assert found.audio_channels == 0
    assert found.duration_seconds == pytest.approx(8, abs=0.1)


def test_a_clip_without_sound_gets_no_audio_track(rendered: RenderCase) -> None:
    assert probe(rendered("grey").video).audio_channels == 0


# The file


def test_the_index_comes_first_so_that_it_plays_while_it_loads(rendered: RenderCase) -> None:
    video = rendered("landscape").video
    with video.open("rb") as file:
        kinds = [box.kind for box in walk_boxes(file, video.stat().st_size)]
    assert kinds.index("moov") < kinds.index("mdat")


def test_neither_place_nor_title_of_the_source_is_published(rendered: RenderCase) -> None:
    made = rendered("landscape")
    for trace in (LOCATION.encode(), PLACE.encode(), b"At home"):
        assert trace in made.source.read_bytes()
        assert trace not in made.video.read_bytes()
        assert trace not in made.rendering.poster.read_bytes()


def test_size_and_checksum_are_those_of_the_video(rendered: RenderCase) -> None:
    made = rendered("landscape")
    content = made.video.read_bytes()
    assert made.rendering.size_bytes == len(content)
    assert made.rendering.sha256 == hashlib.sha256(content).hexdigest()


def test_progress_never_falls_and_ends_at_one(rendered: RenderCase) -> None:
    progress = rendered("landscape").progress
    assert len(progress) > 2
    assert all(earlier < later for earlier, later in pairwise(progress))
    assert 0 <= progress[0] < 1
    assert progress[-1] == 1.0


def test_only_the_video_and_its_poster_remain(rendered: RenderCase) -> None:
    made = rendered("landscape")
    assert {path.name for path in made.video.parent.iterdir()} == {"video.mp4", "poster.jpg"}


def test_a_leagues_own_artwork_replaces_the_default_artwork(tmp_path: Path, source: Sources) -> None:
    brand = tmp_path / "brand"
    brand.mkdir()
    for name, size in (("intro", "1920x1080"), ("outro", "1920x1080"), ("watermark", "372x144")):
        drawn = f"color=c=lime:size={size},format=rgba"
        subprocess.run(
            [FFMPEG, "-v", "error", "-f", "lavfi", "-i", drawn, "-frames:v", "1", brand / f"{name}.png"], check=True
        )
    out = tmp_path / "out"
    out.mkdir()
    made = encoder(brand_dir=brand).render(
        source("grey"), out, LITE, on_progress=lambda _: None, stop=threading.Event()
    )
    lime = pytest.approx((173, 42, 26), abs=4)
    assert colour_at(made.video, 1.2, MIDDLE) == lime
    assert colour_at(made.video, INTRO + 1, (0.95, 0.97)) == lime


# One decode, one encode


def test_one_job_decodes_the_picture_once_and_encodes_it_once(tmp_path: Path, source: Sources) -> None:
    out = tmp_path / "out"
    out.mkdir()
    log = out / "log"
    shim = tmp_path / "ffmpeg"
    shim.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\nexec {FFMPEG} "$@"\n')
    shim.chmod(0o755)
    clip = source("landscape")
    encoder(ffmpeg=shim).render(clip, out, BROADCAST, on_progress=lambda _: None, stop=threading.Event())
    runs = log.read_text().splitlines()
    assert sum("libx264" in run for run in runs) == 1
    assert sum(str(clip) in run and "-vn" not in run.split() for run in runs) == 1
    # One FFmpeg run decodes the sound, one aligns it, two measure it, one renders the video, one extracts the poster.
    assert len(runs) == 6


# Files that are not clips, and clips with a false index


PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\n{victim}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile {victim}\n",
}
ARTWORK = Artwork(HOUSE_BRAND / "watermark.png", HOUSE_BRAND / "intro.png", HOUSE_BRAND / "outro.png")


@pytest.fixture
def job(tmp_path: Path) -> FfmpegJob:
    return FfmpegJob(
        ffmpeg=FFMPEG,
        directory=tmp_path,
        memory_bytes=8 << 30,
        deadline=time.monotonic() + 60,
        stop=threading.Event(),
    )


@pytest.fixture(params=PLAYLISTS)
def playlist(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A playlist named .mp4 whose only item is another player's valid clip."""
    make_clip(tmp_path / "victim.mp4", seconds=1, fps=5, faststart=True)
    path = tmp_path / "clip.mp4"
    path.write_text(PLAYLISTS[request.param].format(victim="victim.mp4"))
    return path


def test_a_playlist_is_refused_by_the_renderer(tmp_path: Path, playlist: Path) -> None:
    with pytest.raises(UnreadableClip, match="not an MP4"):
        encoder().render(playlist, tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event())


def test_ffmpeg_reads_no_other_file_even_if_a_playlist_passes_the_probe(job: FfmpegJob, playlist: Path) -> None:
    lie = probe(playlist.with_name("victim.mp4"))
    profile = replace(PROFILES[LITE], preset="ultrafast")
    render = render_arguments(playlist, ARTWORK, clip=lie, profile=profile, gain_db=None, tone_map=False)
    decode = decode_arguments(playlist, clip=lie, profile=profile, track=lie.sound_tracks[0])
    for arguments in (render, decode):
        with pytest.raises(UnreadableClip):
            job.run(arguments)
    assert not (job.directory / "video.mp4").exists()
    assert not (job.directory / "decoded.nut").exists()


def test_without_the_format_whitelist_ffmpeg_would_read_the_other_file(job: FfmpegJob, playlist: Path) -> None:
    """Show that the previous test can fail: without the format whitelist, the same command reads the other clip."""
    lie = probe(playlist.with_name("victim.mp4"))
    arguments = decode_arguments(playlist, clip=lie, profile=PROFILES[BROADCAST], track=lie.sound_tracks[0])
    arguments[arguments.index("-map") + 1] = "0:a"
    for word in ("-format_whitelist", "-f"):
        at = arguments.index(word)
        assert arguments[at + 1] == "mov"
        del arguments[at : at + 2]
    job.run(arguments)
    assert (job.directory / "decoded.nut").stat().st_size > 100_000


def test_a_clip_whose_frames_end_before_its_declared_duration_is_refused(tmp_path: Path) -> None:
    """The index declares 20 s, but the second half of the media data is zeros."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=20, fps=2, audio=None, faststart=True)
    content = clip.read_bytes()
    start, end = box_span(content, b"mdat")
    kept = content[: (start + end) // 2]
    clip.write_bytes(kept + bytes(len(content) - len(kept)))
    assert probe(clip).duration_seconds == 20
    with pytest.raises(UnreadableClip, match=r"pictures end \d+\.\d s before"):
        encoder().render(clip, tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event())


# Stopping


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("long") / "clip.mp4", seconds=30, fps=5, audio=None)


@pytest.fixture
def slow() -> Encoder:
    """An encoder that takes minutes for the long clip."""
    return encoder(preset="placebo")


@pytest.fixture
def no_process_is_left() -> Iterator[None]:
    """Assert that the test leaves no child process running."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


def await_ffmpeg(parent: int) -> psutil.Process:
    """Wait for the FFmpeg process and return it. The long clip has no sound, so no second one decodes sound."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for process in psutil.Process(parent).children(recursive=True):
            if process.name().startswith("ffmpeg"):
                return process
        time.sleep(0.05)
    raise AssertionError("FFmpeg was not started")


@pytest.mark.usefixtures("no_process_is_left")
def test_a_stop_ends_ffmpeg_at_once(tmp_path: Path, long_clip: Path, slow: Encoder) -> None:
    stop = threading.Event()
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        stop.set()

    timer = threading.Timer(1.0, ask)
    timer.start()
    with pytest.raises(RenderInterrupted):
        slow.render(long_clip, tmp_path, BROADCAST, on_progress=lambda _: None, stop=stop)
    assert time.monotonic() - asked[0] < 1
    timer.join()


@pytest.mark.usefixtures("no_process_is_left")
def test_a_render_that_exceeds_its_time_limit_is_ended(tmp_path: Path, long_clip: Path) -> None:
    started = time.monotonic()
    with pytest.raises(RenderTimedOut, match="RENDER_TIMEOUT_SECONDS"):
        encoder(preset="placebo", timeout_seconds=1).render(
            long_clip, tmp_path, BROADCAST, on_progress=lambda _: None, stop=threading.Event()
        )
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("no_process_is_left")
@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_an_ffmpeg_killed_from_outside_is_not_blamed_on_the_clip(
    tmp_path: Path, long_clip: Path, killer: signal.Signals
) -> None:
    """This test uses a faster preset, because on SIGTERM FFmpeg first encodes the frames in its buffers."""
    timer = threading.Timer(0.5, lambda: await_ffmpeg(os.getpid()).send_signal(killer))
    timer.start()
    with pytest.raises(RenderKilled, match="signal"):
        encoder(preset="slow").render(
            long_clip, tmp_path, BROADCAST, on_progress=lambda _: None, stop=threading.Event()
        )
    timer.join()


@pytest.mark.usefixtures("no_process_is_left")
def test_an_ffmpeg_without_memory_is_not_blamed_on_the_clip(tmp_path: Path, long_clip: Path) -> None:
    with pytest.raises(RenderKilled):
        encoder(memory_bytes=400 << 20).render(
            long_clip, tmp_path, BROADCAST, on_progress=lambda _: None, stop=threading.Event()
        )


@pytest.mark.usefixtures("no_process_is_left")
def test_a_worker_that_is_asked_to_stop_leaves_no_ffmpeg(tmp_path: Path, long_clip: Path, slow: Encoder) -> None:
    """A worker stops on SIGINT, which may arrive at any moment."""
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        slow.render(long_clip, tmp_path, BROADCAST, on_progress=lambda _: None, stop=threading.Event())
    timer.join()


@pytest.mark.usefixtures("no_process_is_left")
def test_a_progress_report_that_fails_ends_ffmpeg(tmp_path: Path, long_clip: Path) -> None:
    def lost(_: float) -> None:
        raise ConnectionError("the database is unreachable")

    with pytest.raises(ConnectionError):
        encoder().render(long_clip, tmp_path, BROADCAST, on_progress=lost, stop=threading.Event())


WORKER = """
import sys, threading
from pathlib import Path
from app.config import ProfileName
from app.media.encoder import Encoder
encoder = Encoder(ffmpeg=None, brand_dir=None, timeout_seconds=60, memory_bytes=8 << 30, preset="placebo")
clip, directory = map(Path, sys.argv[1:])
encoder.render(clip, directory, ProfileName.LITE, on_progress=lambda _: None, stop=threading.Event())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent's life")
def test_ffmpeg_dies_with_its_worker(tmp_path: Path, long_clip: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, long_clip, tmp_path], cwd=Path(__file__).parents[2])
    try:
        ffmpeg = await_ffmpeg(worker.pid)
    finally:
        worker.kill()
        worker.wait()
    ended, alive = psutil.wait_procs([ffmpeg], timeout=2)
    assert ended
    assert not alive


# Failures of the machine


@pytest.mark.usefixtures("no_process_is_left")
def test_a_full_disk_is_not_blamed_on_the_clip(tmp_path: Path, source: Sources) -> None:
    """The video's path is a link to /dev/full, where every write fails with "No space left"."""
    (tmp_path / "video.mp4").symlink_to("/dev/full")
    with pytest.raises(WorkDirectoryFull, match="No space left"):
        encoder().render(source("grey"), tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event())


def test_missing_artwork_is_named(tmp_path: Path, source: Sources) -> None:
    shutil.copy(HOUSE_BRAND / "intro.png", tmp_path)
    with pytest.raises(ArtworkMissing, match=r"watermark\.png.*BRAND_DIR"):
        encoder(brand_dir=tmp_path).render(
            source("grey"), tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event()
        )


def test_an_ffmpeg_without_the_encoder_is_not_blamed_on_the_clip(tmp_path: Path, source: Sources) -> None:
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho \"Unknown encoder 'libx264'\" >&2\nexit 1\n")
    poor.chmod(0o755)
    with pytest.raises(FfmpegMissing, match="libx264"):
        encoder(ffmpeg=poor).render(source("grey"), tmp_path, LITE, on_progress=lambda _: None, stop=threading.Event())


TALK = """
import sys, threading
def talk(pipe):
    for _ in range(50_000):
        pipe.write("x" * 999 + "\\n")
beside = threading.Thread(target=talk, args=[sys.stdout])
beside.start()
talk(sys.stderr)
beside.join()
sys.exit(1)
"""


@pytest.mark.usefixtures("no_process_is_left")
def test_a_talkative_ffmpeg_neither_blocks_nor_fills_the_memory(tmp_path: Path, job: FfmpegJob) -> None:
    """The fake FFmpeg writes 50 MB to each pipe; the job retains only the last lines."""
    talker = tmp_path / "ffmpeg"
    talker.write_text(f"#!{sys.executable} -I\n{TALK}")
    talker.chmod(0o755)
    with pytest.raises(UnreadableClip) as refusal:
        replace(job, ffmpeg=talker).run([])
    assert len(str(refusal.value)) < 10_000


def test_ffmpeg_sees_nothing_of_the_workers_environment(
    tmp_path: Path, job: FfmpegJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "very secret")
    printer = tmp_path / "ffmpeg"
    printer.write_text("#!/bin/sh\nexport -p; pwd; ulimit -v; ulimit -c\n")
    printer.chmod(0o755)
    lines: list[str] = []
    replace(job, ffmpeg=printer).run([], on_line=lines.append)
    assert lines[:-3] == [f"export PWD='{tmp_path}'"]
    assert lines[-3:] == [str(tmp_path), str((8 << 30) // 1024), "0"]


TINY: dict[str, Any] = {"seconds": 3, "width": 320, "height": 180, "audio": None}


def _lie(path: Path, kind: bytes, offset: int, number: int) -> Path:
    """Write `number` into the first box of that kind, `offset` bytes after its header."""
    content = bytearray(path.read_bytes())
    at = content.index(kind) + 4 + offset
    content[at : at + 4] = number.to_bytes(4, "big")
    path.write_bytes(content)
    return path


def test_an_index_that_declares_more_than_it_holds_is_refused_before_ffmpeg_reads_it(tmp_path: Path) -> None:
    clip = _lie(make_clip(tmp_path / "clip.mp4", **TINY), b"stts", 4, 0x0FFFFFFF)
    with pytest.raises(UnreadableClip, match="stts box declares more"):
        probe(clip)


def test_an_index_that_makes_ffmpeg_run_out_of_memory_is_blamed_on_the_clip(tmp_path: Path, job: FfmpegJob) -> None:
    clip = make_clip(tmp_path / "clip.mp4", **TINY)
    described = probe(clip)
    _lie(clip, b"stts", 4, 0x0FFFFFFF)
    arguments = render_arguments(clip, ARTWORK, clip=described, profile=PROFILES[LITE], gain_db=None, tone_map=False)
    with pytest.raises(UnreadableClip, match="error reading header"):
        replace(job, memory_bytes=2 << 30).run(arguments)


def test_a_clip_whose_index_hides_most_frames_is_rendered_with_the_rest(tmp_path: Path) -> None:
    clip = _lie(make_clip(tmp_path / "clip.mp4", **TINY), b"tkhd", 20, 1000)
    directory = tmp_path / "work"
    directory.mkdir()
    made = encoder().render(clip, directory, LITE, on_progress=lambda _: None, stop=threading.Event())
    assert made.duration_seconds == pytest.approx(6, abs=0.05)
