"""FFmpeg's options for logging and for opening the player's untrusted file."""

from pathlib import Path

from app.media.bounds import max_pixels
from app.media.decoders import CODEC_WHITELIST
from app.media.probe import Clip
from app.media.profiles import Profile


def quiet() -> list[str]:
    """Return the first options of every run: no prompts, errors only."""
    return ["-nostdin", "-hide_banner", "-y", "-nostats", "-loglevel", "error"]


def untrusted_input(source: Path, clip: Clip, profile: Profile) -> list[str]:
    """Return the input options of the player's file: only an MP4 on disk, known codecs, and only its first seconds.

    Without these limits, a playlist named .mp4 could make FFmpeg read other files on this machine.
    """
    return [
        *("-protocol_whitelist", "file,pipe"),
        *("-format_whitelist", "mov"),
        *("-codec_whitelist", CODEC_WHITELIST),
        *("-max_pixels", str(max_pixels(clip))),
        *("-f", "mov"),
        *("-t", f"{profile.clip_seconds:g}"),
        *("-i", f"file:{source}"),
    ]
