"""Prepares a clip's sound for the render: decodes the first usable track and finds its gain."""

from pathlib import Path

import structlog

from app.media.errors import UnreadableClip
from app.media.ffmpeg import FfmpegJob
from app.media.loudness import find_gain, integrated_loudness
from app.media.probe import Clip
from app.media.profiles import Profile
from app.media.sound import (
    BYTES_PER_SECOND,
    DECODED_FILE,
    SOUND_FILE,
    decode_arguments,
    lay_arguments,
    measure_arguments,
)

log = structlog.get_logger(__name__)

_LEAST_SOUND_SECONDS = 0.1
"""A track counts as empty if its decoded sound is no longer than this."""


def lay_sound(job: FfmpegJob, source: Path, clip: Clip, profile: Profile) -> bool:
    """Write the first audio track that can be decoded to `SOUND_FILE`. Return whether there is one."""
    return profile.keeps_audio and any(
        _lay_track(job, source, clip, profile, track=track) for track in clip.sound_tracks
    )


def _lay_track(job: FfmpegJob, source: Path, clip: Clip, profile: Profile, *, track: int) -> bool:
    """Try to decode one track. Return False for an empty track, so that the result gets no empty audio track."""
    decoded, sound = job.directory / DECODED_FILE, job.directory / SOUND_FILE
    try:
        job.run(decode_arguments(source, clip=clip, profile=profile, track=track))
        job.run(lay_arguments(clip=clip, profile=profile))
        if sound.stat().st_size > _LEAST_SOUND_SECONDS * BYTES_PER_SECOND:
            return True
    except UnreadableClip as error:
        log.info("sound_track_unusable", track=track, detail=str(error))
    finally:
        decoded.unlink(missing_ok=True)
    sound.unlink(missing_ok=True)
    return False


def measured_gain(job: FfmpegJob, clip: Clip, profile: Profile) -> float | None:
    """Return the gain in dB that brings `SOUND_FILE` to the profile's loudness; None without sound."""

    def measure(gain_db: float) -> float | None:
        lines: list[str] = []
        job.run(measure_arguments(clip=clip, profile=profile, gain_db=gain_db), on_line=lines.append)
        return integrated_loudness(lines)

    return find_gain(measure, target_lufs=profile.loudness_lufs)
