"""Compare a whole render job with a bare encode of the same clip, and with the usual method, which encodes it twice.

Run `python -m benchmarks.render`. Environment variables: CLIP (at least 30 s long; default: generated) and REPEATS
(default: 3). The three variants alternate within one run, so that a period in which the machine is slow affects all of
them. On a busy machine (`machine_was_busy`), compare only the CPU times.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.config import ProfileName
from app.media.commands import x264_arguments
from app.media.encoder import HOUSE_BRAND, Encoder
from app.media.ffmpeg import find_ffmpeg
from app.media.profiles import PROFILES

PROFILE = PROFILES[ProfileName.BROADCAST]
RESULTS = Path(__file__).with_name("results") / "render.json"
SECONDS = f"{PROFILE.clip_seconds:g}"
AAC = ["-c:a", "aac", "-b:a", str(PROFILE.audio_bit_rate), "-ar", "48000", "-ac", "2"]

BARE, JOB, TWO = "bare encode", "our render job", "two encodes"


@dataclass(frozen=True, slots=True)
class Cost:
    """The wall-clock time and the CPU time of one render."""

    wall_seconds: float
    cpu_seconds: float


def main() -> None:
    """Measure, print a table, and write the results."""
    ffmpeg, load = find_ffmpeg(None), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="rising-stars-bench-") as name:
        directory = Path(name)
        clip = _source(ffmpeg, directory)
        costs = _measure(ffmpeg, clip, directory, repeats=int(os.environ.get("REPEATS", "3")))
    report = _report(ffmpeg, clip, costs, load)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")
    _print_table(costs, report)


def _measure(ffmpeg: Path, clip: Path, directory: Path, *, repeats: int) -> dict[str, list[Cost]]:
    ways: dict[str, Callable[[Path], None]] = {
        BARE: lambda out: _bare_encode(ffmpeg, clip, out),
        JOB: lambda out: _render_job(ffmpeg, clip, out),
        TWO: lambda out: _two_encodes(ffmpeg, clip, out),
    }
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for repeat in range(repeats):
        for number, (way, render) in enumerate(ways.items()):
            out = directory / f"{repeat}-{number}"
            out.mkdir()
            costs[way].append(_cost(render, out))
            print(f"{repeat + 1}/{repeats} {way}: {costs[way][-1].wall_seconds:.1f} s", flush=True)
    return costs


def _cost(render: Callable[[Path], None], out: Path) -> Cost:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    render(out)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _bare_encode(ffmpeg: Path, clip: Path, out: Path) -> None:
    """Encode once, with only the filters that set the size and the frame rate of the result."""
    picture = f"fps={PROFILE.frames_per_second},scale={PROFILE.width}:{PROFILE.height}"
    encode = [*x264_arguments(PROFILE), *AAC, "-movflags", "+faststart"]
    _run(ffmpeg, ["-t", SECONDS, "-i", str(clip), "-vf", picture, *encode, str(out / "video.mp4")])


def _render_job(ffmpeg: Path, clip: Path, out: Path) -> None:
    encoder = Encoder(ffmpeg=ffmpeg, brand_dir=None, timeout_seconds=3600, memory_bytes=8 << 30, preset=None)
    encoder.render(clip, out, ProfileName.BROADCAST, on_progress=lambda _: None, stop=threading.Event())


def _two_encodes(ffmpeg: Path, clip: Path, out: Path) -> None:
    """Encode the clip to a uniform format; then decode the result, and encode it again with intro and outro."""
    width, height, rate = PROFILE.width, PROFILE.height, PROFILE.frames_per_second
    uniform = (
        f"fps={rate},scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1,setsar=1"
    )
    middle = out / "uniform.mp4"
    filters = ["-vf", uniform, "-af", f"loudnorm=I={PROFILE.loudness_lufs:g}"]
    _run(ffmpeg, ["-t", SECONDS, "-i", str(clip), *filters, *x264_arguments(PROFILE), *AAC, str(middle)])
    stills = [
        word
        for name, seconds in (("intro.png", PROFILE.intro_seconds), ("outro.png", PROFILE.outro_seconds))
        for word in ("-loop", "1", "-framerate", str(rate), "-t", str(seconds), "-i", str(HOUSE_BRAND / name))
    ]
    silence = ["-f", "lavfi", "-t", str(PROFILE.intro_seconds), "-i", "anullsrc=r=48000:cl=stereo"]
    still = f"scale={width}:{height},setsar=1,format=yuv420p"
    graph = (
        f"[1:v]{still}[intro];[2:v]{still}[outro];[0:v][3:v]overlay=W-w:H-h[clip];[4:a]asplit[before][after];"
        "[intro][before][clip][0:a][outro][after]concat=n=3:v=1:a=1[v][a]"
    )
    inputs = ["-i", str(middle), *stills, "-i", str(HOUSE_BRAND / "watermark.png"), *silence]
    outputs = ["-map", "[v]", "-map", "[a]", *x264_arguments(PROFILE), *AAC, "-movflags", "+faststart"]
    _run(ffmpeg, [*inputs, "-filter_complex", graph, *outputs, str(out / "video.mp4")])


def _source(ffmpeg: Path, directory: Path) -> Path:
    """Return the clip that CLIP names; if it is not set, generate moving, grainy pictures with pink noise."""
    if given := os.environ.get("CLIP"):
        return Path(given).resolve()
    clip = directory / "source.mp4"
    pictures = "testsrc2=s=2200x1240:r=30,rotate='0.03*sin(t*3)',crop=1920:1080,boxblur=2,noise=alls=7:allf=t"
    inputs = ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.2"]
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    _run(ffmpeg, [*inputs, "-t", SECONDS, *encode, str(clip)])
    return clip


def _run(ffmpeg: Path, arguments: list[str]) -> None:
    subprocess.run([ffmpeg, "-nostdin", "-v", "error", "-y", *arguments], check=True)


def _report(ffmpeg: Path, clip: Path, costs: dict[str, list[Cost]], load: float) -> dict[str, object]:
    wall = {way: statistics.median(cost.wall_seconds for cost in found) for way, found in costs.items()}
    cpu = {way: statistics.median(cost.cpu_seconds for cost in found) for way, found in costs.items()}
    version = subprocess.run([ffmpeg, "-version"], check=True, capture_output=True, text=True).stdout.split()[2]
    return {
        "ratio_to_bare_encode": round(wall[JOB] / wall[BARE], 3),
        "ratio_two_encodes_to_bare_encode": round(wall[TWO] / wall[BARE], 3),
        "cpu_ratio_to_bare_encode": round(cpu[JOB] / cpu[BARE], 3),
        "cpu_ratio_two_encodes_to_bare_encode": round(cpu[TWO] / cpu[BARE], 3),
        "wall_seconds_median": {way: round(seconds, 2) for way, seconds in wall.items()},
        "cpu_seconds_median": {way: round(seconds, 2) for way, seconds in cpu.items()},
        "wall_spread": round(_spread(costs), 2),
        "machine_was_busy": _spread(costs) > 1.1 or load > 0.5,
        "wall_seconds": {way: [round(cost.wall_seconds, 2) for cost in found] for way, found in costs.items()},
        "source": clip.name if "CLIP" in os.environ else "generated",
        "clip_seconds": PROFILE.clip_seconds,
        "preset": PROFILE.preset,
        "crf": PROFILE.crf,
        "machine": {
            "cpus": os.cpu_count(),
            "processor": platform.machine(),
            "ffmpeg": version,
            "load_before": round(load, 2),
        },
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _spread(costs: dict[str, list[Cost]]) -> float:
    """Divide each variant's slowest repeat by its fastest; return the largest quotient (near 1 on an idle machine)."""
    walls = [[cost.wall_seconds for cost in found] for found in costs.values()]
    return max(max(wall) / min(wall) for wall in walls)


def _print_table(costs: dict[str, list[Cost]], report: dict[str, object]) -> None:
    bare = statistics.median(cost.wall_seconds for cost in costs[BARE])
    print(f"\n{'way':<16}{'wall s':>8}{'cpu s':>8}{'ratio':>8}")
    for way, found in costs.items():
        wall = statistics.median(cost.wall_seconds for cost in found)
        cpu = statistics.median(cost.cpu_seconds for cost in found)
        print(f"{way:<16}{wall:>8.1f}{cpu:>8.1f}{wall / bare:>8.2f}")
    if report["machine_was_busy"]:
        print("The machine was busy with other work: compare cpu s, not wall s.")
    print(f"\n{report['machine']}\n{RESULTS}")


if __name__ == "__main__":
    main()
