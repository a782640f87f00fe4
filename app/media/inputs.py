"""How FFmpeg is told to open files: the player's, which is not trusted, and with how much to say."""

from pathlib import Path

from app.media.bounds import max_pixels
from app.media.decoders import CODEC_WHITELIST
from app.media.probe import Clip
from app.media.profiles import Profile


def quiet() -> list[str]:
    """The words every run begins with: no questions, errors only."""
    return ["-nostdin", "-hide_banner", "-y", "-nostats", "-loglevel", "error"]


def untrusted_input(source: Path, clip: Clip, profile: Profile) -> list[str]:
    """The player's file: only as an MP4, only from the disk, only known codecs, only its first seconds.

    A playlist that calls itself .mp4 would otherwise make FFmpeg read other files of this machine.
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
