"""Finds the gain that brings a clip's sound to the target loudness.

The whole chain (gain, then limiter) is measured, and the gain is corrected until the loudness meets the target.
FFmpeg's loudnorm is not used: where the gain would clip, it leaves its linear mode and misses the target by several LU
on short or very dynamic sound. A pass reads 30 s of sound in 0.1 s; most clips need two passes.

The gain is limited. A muted microphone records its own hiss at about -60 LUFS; without the limit, the hiss would be
amplified by 44 dB. Speech, or a game filmed from the stands, is within 20 dB of the target.
"""

from collections.abc import Callable, Iterable

from app.media.sound import LOUDNESS_KEY

SILENCE_LUFS = -70.0
"""EBU R128's absolute gate: sound that never exceeds it counts as silence."""

MAX_GAIN_DB = 20.0
"""The largest gain. Sound that is more than 20 dB below the target therefore remains below the target."""

TOLERANCE_LU = 0.5
MAX_PASSES = 8


def find_gain(measure: Callable[[float], float | None], *, target_lufs: float) -> float | None:
    """Return the gain in dB, at most `MAX_GAIN_DB`, that brings the loudness closest to the target.

    Args:
        measure: returns the integrated loudness in LUFS for a gain in dB; None if there are no audio samples.
        target_lufs: the target loudness.

    Returns:
        0 for silence; None when there is no sound.
    """
    gain = 0.0
    tried: dict[float, float] = {}
    for _ in range(MAX_PASSES):
        loudness = measure(gain)
        if loudness is None:
            return None
        if loudness <= SILENCE_LUFS:
            break
        error = target_lufs - loudness
        tried[gain] = abs(error)
        gain = min(MAX_GAIN_DB, gain + error)
        if abs(error) <= TOLERANCE_LU or gain in tried:
            break
    return min(tried, key=tried.__getitem__) if tried else 0.0


def integrated_loudness(lines: Iterable[str]) -> float | None:
    """Return the value of the last `lavfi.r128.I=<LUFS>` line, the loudness of the whole sound; None without one."""
    values = [line.partition("=")[2] for line in lines if line.startswith(LOUDNESS_KEY + "=")]
    return float(values[-1]) if values else None
