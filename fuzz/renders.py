"""Render a mutated clip: the renderer must refuse it with a message or render it correctly, within its limits."""

import subprocess
import threading
import time
from pathlib import Path

import psutil

from app.config import ProfileName
from app.media.encoder import Encoder, Rendering
from app.media.errors import MediaError, RenderKilled, RenderTimedOut, UnreadableClip
from app.media.ffmpeg import find_ffmpeg
from app.media.probe import WALL_SECONDS, probe
from app.media.profiles import PROFILES
from fuzz.mutations import mutate
from fuzz.tally import Verdict

LITE = PROFILES[ProfileName.LITE]
TIMEOUT_SECONDS = 60.0
LIMIT_SECONDS = TIMEOUT_SECONDS + 2 * WALL_SECONDS
"""FFmpeg's time limit, plus the time limits of the probe before it and of the probe after it."""

MEMORY_BYTES = 2 << 30
DURATION_TOLERANCE_SECONDS = 1.0 + 2 / LITE.frames_per_second
"""The renderer's tolerance, plus the frames that rounding may add or remove."""

RESULTS = {"video.mp4", "poster.jpg"}


def render_mutant(seed: int, clip: bytes, folder: Path) -> Verdict:
    """Mutate a clip, render it in `folder`, which must be empty, and return the verdict."""
    kind, content = mutate(seed, clip)
    source, directory = folder / "source.mp4", folder / "work"
    source.write_bytes(content)
    directory.mkdir()
    began = time.monotonic()
    outcome, fault = _rendered(source, directory)
    seconds = time.monotonic() - began
    fault = fault or _left_over(folder, directory) or (f"took {seconds:.0f} s" if seconds > LIMIT_SECONDS else None)
    return Verdict(seed, kind, outcome, seconds, fault)


def _rendered(source: Path, directory: Path) -> tuple[str, str | None]:
    encoder = Encoder(
        ffmpeg=None, brand_dir=None, timeout_seconds=TIMEOUT_SECONDS, memory_bytes=MEMORY_BYTES, preset="ultrafast"
    )
    try:
        rendering = encoder.render(
            source, directory, ProfileName.LITE, on_progress=lambda _: None, stop=threading.Event()
        )
    except UnreadableClip as error:
        return "refused", None if str(error) else "a refusal without a message"
    except RenderTimedOut:
        return "stopped: time", None
    except RenderKilled as error:
        # RenderKilled leads to a retry, so it is acceptable only if FFmpeg ran out of memory during the encode. If that
        # happened while FFmpeg read the index, a retry cannot help, and the renderer must raise UnreadableClip.
        bombed = "Cannot allocate memory" in str(error) and "error reading header" not in str(error)
        return "stopped: memory", None if bombed else f"RenderKilled: {error}"
    except Exception as error:  # noqa: BLE001 - any other exception is a finding
        return "broken", f"{type(error).__name__}: {error}"
    try:
        return "rendered", _wrong(rendering, source, directory)
    except (MediaError, subprocess.CalledProcessError) as error:
        return "rendered", f"cannot be read: {error}"


def _wrong(rendering: Rendering, source: Path, directory: Path) -> str | None:
    """Check a result with MediaInfo and by counting its frames; return what is wrong, or None."""
    found, expected_seconds = probe(rendering.video), LITE.result_seconds(probe(source).duration_seconds)
    counted_seconds = _count_pictures(rendering.video) / LITE.frames_per_second
    if {path.name for path in directory.iterdir()} != RESULTS:
        return f"left {sorted(path.name for path in directory.iterdir())}"
    if (found.width, found.height, found.video_codec) != (LITE.width, LITE.height, "AVC"):
        return f"is {found}"
    for seconds in (found.duration_seconds, counted_seconds, rendering.duration_seconds):
        if abs(seconds - expected_seconds) > DURATION_TOLERANCE_SECONDS:
            return f"lasts {seconds:.2f} s instead of {expected_seconds:.2f} s"
    return None


def _count_pictures(video: Path) -> int:
    command = [str(find_ffmpeg(None)), "-v", "error", "-i", str(video), "-map", "0:v:0", "-c", "copy"]
    run = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, text=True, check=True)
    if run.stderr:
        raise MediaError(run.stderr)
    return sum(not line.startswith("#") for line in run.stdout.splitlines())


def _left_over(folder: Path, directory: Path) -> str | None:
    """Return the files left outside the work directory, or a process still running in it; None if there is neither."""
    unexpected = {path.name for path in folder.iterdir()} - {"source.mp4", "work"}
    if unexpected:
        return f"left {sorted(unexpected)} outside its directory"
    for child in psutil.Process().children(recursive=True):
        try:
            if child.cwd() == str(directory) and child.status() != psutil.STATUS_ZOMBIE:
                return f"left the process {child.cmdline()}"
        except psutil.Error:
            continue
    return None
