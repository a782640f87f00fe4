"""FFmpeg's arguments for the sound, as pure functions: three steps from a player's track to a level that is measured.

    clip ─ one track ─► decoded.nut ─ gaps filled, cut ─► sound.wav ─ gain ─ limiter ─► measured, then rendered

The first step keeps the time of every packet and may rebuild its filters when the track changes its layout in
mid-stream, as television recordings do; nothing else is in that graph. The second lays the sound on one gapless
timeline that begins with the clip. Both run once; measuring reads their result.
"""

from pathlib import Path

from app.media.inputs import quiet, untrusted_input
from app.media.probe import Clip
from app.media.profiles import Profile

SAMPLE_RATE = 48_000
PEAK_LIMIT = 0.79
"""Highest sample after the limiter: -2 dBFS, which leaves AAC's overshoot room below -1 dBTP."""

DECODED_FILE = "decoded.nut"
SOUND_FILE = "sound.wav"
BYTES_PER_SECOND = SAMPLE_RATE * 2 * 4
"""Of `SOUND_FILE`: stereo, 32-bit floating point."""

LOUDNESS_KEY = "lavfi.r128.I"
_PCM = ("-c:a", "pcm_f32le")


def decode_arguments(source: Path, *, clip: Clip, profile: Profile, track: int) -> list[str]:
    """Decode the sound track with that id into `DECODED_FILE`: stereo, 48 kHz, each packet at its own time."""
    return [
        *quiet(),
        *("-vn", "-sn", "-dn"),
        *untrusted_input(source, clip, profile),
        *("-map", f"0:i:{track}"),
        *("-af", f"aformat=sample_fmts=flt:channel_layouts=stereo:sample_rates={SAMPLE_RATE}"),
        *_PCM,
        *("-map_metadata", "-1", "-f", "nut", DECODED_FILE),
    ]


def lay_arguments(*, clip: Clip, profile: Profile) -> list[str]:
    """Lay the decoded sound on the clip's timeline as `SOUND_FILE`: silence where it begins late or has gaps.

    `-copyts` keeps the distance to the picture; FFmpeg would otherwise let the sound begin at zero.
    """
    shown = profile.shown_seconds(clip.duration_seconds)
    return [
        *quiet(),
        *("-copyts", "-f", "nut", "-i", f"file:{DECODED_FILE}"),
        *("-af", f"aresample={SAMPLE_RATE}:async=1:first_pts=0,atrim=end={shown:.3f}"),
        *_PCM,
        *("-f", "wav", SOUND_FILE),
    ]


def measure_arguments(*, clip: Clip, profile: Profile, gain_db: float) -> list[str]:
    """Measure how loud the sound would be at that gain.

    Writes one `lavfi.r128.I=<LUFS>` line per 100 ms to standard output; the last one holds for the whole.
    """
    meter = ["ebur128=metadata=1", f"ametadata=mode=print:key={LOUDNESS_KEY}:file=pipe\\\\:1"]
    chain = ",".join([*sound_filters(clip, profile, gain_db), *meter])
    return [*quiet(), *sound_input(), "-af", chain, "-f", "null", "-"]


def sound_input() -> list[str]:
    """`SOUND_FILE` of the working directory as an input."""
    return ["-f", "wav", "-i", f"file:{SOUND_FILE}"]


def sound_filters(clip: Clip, profile: Profile, gain_db: float) -> list[str]:
    """The sound at a new level, behind a silent intro, silent to the end.

    The limiter only works where the gain would clip. The silence counts: the meter's blocks that are half
    silence weigh on a sound of a few seconds.
    """
    shown = profile.shown_seconds(clip.duration_seconds)
    fade = profile.fade_seconds
    return [
        f"volume={gain_db:.2f}dB",
        f"alimiter=limit={PEAK_LIMIT}:attack=5:release=50:level=disabled",
        f"afade=t=out:st={max(0.0, shown - fade):.3f}:d={fade:g}",
        f"adelay=delays={round(profile.intro_seconds * 1000)}:all=1",
        f"apad=whole_dur={profile.result_seconds(clip.duration_seconds):.3f}",
    ]
