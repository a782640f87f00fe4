"""FFmpeg's argument lists for the sound, built by pure functions, in three steps.

    clip ─ one track ─► decoded.nut ─ gaps filled, cut ─► sound.wav ─ gain ─ limiter ─► measured, then rendered

The first step keeps the timestamp of every packet. FFmpeg may rebuild its filters when the track changes its channel
layout in mid-stream, as television recordings do, so this step's graph contains only the format conversion. The second
step puts the sound on a gapless timeline that starts with the clip. Both run once; the measurements read `sound.wav`.
"""

from pathlib import Path

from app.media.inputs import quiet, untrusted_input
from app.media.probe import Clip
from app.media.profiles import Profile

SAMPLE_RATE = 48_000
PEAK_LIMIT = 0.79
"""The highest sample after the limiter: -2 dBFS, so that AAC's overshoot stays below -1 dBTP."""

DECODED_FILE = "decoded.nut"
SOUND_FILE = "sound.wav"
BYTES_PER_SECOND = SAMPLE_RATE * 2 * 4
"""The data rate of `SOUND_FILE`: stereo, 32-bit floating point."""

LOUDNESS_KEY = "lavfi.r128.I"
_PCM = ("-c:a", "pcm_f32le")


def decode_arguments(source: Path, *, clip: Clip, profile: Profile, track: int) -> list[str]:
    """Return the arguments that decode an audio track into `DECODED_FILE`: stereo, 48 kHz, with timestamps kept."""
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
    """Return the arguments that write the decoded sound to `SOUND_FILE` on the clip's timeline, with silence in gaps.

    `-copyts` keeps the sound's offset to the video. Otherwise FFmpeg would start the sound at zero.
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
    """Return the arguments that measure the loudness of the sound at a given gain.

    FFmpeg writes one `lavfi.r128.I=<LUFS>` line per 100 ms to standard output; the last one is for the whole sound.
    """
    meter = ["ebur128=metadata=1", f"ametadata=mode=print:key={LOUDNESS_KEY}:file=pipe\\\\:1"]
    chain = ",".join([*sound_filters(clip, profile, gain_db), *meter])
    return [*quiet(), *sound_input(), "-af", chain, "-f", "null", "-"]


def sound_input() -> list[str]:
    """Return the input options for `SOUND_FILE` in the working directory."""
    return ["-f", "wav", "-i", f"file:{SOUND_FILE}"]


def sound_filters(clip: Clip, profile: Profile, gain_db: float) -> list[str]:
    """Return the filters that apply the gain, fade the sound out, and add silence for the intro and the outro.

    The limiter acts only where the gain would clip. The silence is measured, too, because the meter's partly silent
    blocks affect the loudness of sound that lasts only a few seconds.
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
