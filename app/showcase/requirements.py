"""The requirements for a clip and its title."""

from dataclasses import dataclass
from pathlib import Path

from app.config import MAX_CLIP_BYTES
from app.media.bounds import MAX_SIDE, is_too_much_work
from app.media.errors import Reason, UnreadableClip
from app.media.probe import Clip, probe
from app.showcase.errors import (
    BlankTitle,
    ClipDurationOutOfRange,
    ClipResolutionTooHigh,
    ClipResolutionTooLow,
    ClipTooLarge,
    InvalidClipType,
    TitleChangesDirection,
    TitleNotText,
    TitleTooLong,
)
from app.showcase.failures import refusal
from app.showcase.texts import clean, has_bidi_controls, has_control_characters

MIN_SECONDS, MAX_SECONDS = 19.95, 60.07
"""20 and 60 s with a tolerance for real files: at 29.97 frames a second, editors cut "20 s" to 599 frames (19.987 s),
and 1,800 frames last 60.06 s."""

MIN_SHORT_SIDE, MIN_LONG_SIDE = 1080, 1920
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class ReceivedClip:
    """A received file: its temporary path, and its size and digest as measured while it arrived."""

    path: Path
    size_bytes: int
    sha256: str
    """Hex."""


def check_title(title: str) -> str:
    """Return the title without surrounding spaces and invisible characters.

    Raises:
        BlankTitle, TitleTooLong, TitleNotText, TitleChangesDirection
    """
    title = clean(title)
    if not title:
        raise BlankTitle
    if len(title) > MAX_TITLE:
        raise TitleTooLong
    if has_control_characters(title):
        raise TitleNotText
    if has_bidi_controls(title):
        raise TitleChangesDirection
    return title


def check_clip(received: ReceivedClip) -> Clip:
    """Return the properties of the received clip if it meets the requirements.

    Raises:
        ClipTooLarge, InvalidClipType, ClipDurationOutOfRange, ClipResolutionTooLow, ClipResolutionTooHigh
    """
    if received.size_bytes > MAX_CLIP_BYTES:
        raise ClipTooLarge
    try:
        clip = probe(received.path)
    except UnreadableClip as error:
        raise InvalidClipType(refusal(error.reason)) from error
    if not MIN_SECONDS <= clip.duration_seconds <= MAX_SECONDS:
        raise ClipDurationOutOfRange
    short_side, long_side = sorted((clip.width, clip.height))
    if short_side < MIN_SHORT_SIDE or long_side < MIN_LONG_SIDE:
        raise ClipResolutionTooLow
    if long_side > MAX_SIDE:
        raise ClipResolutionTooHigh
    if is_too_much_work(clip):
        raise InvalidClipType(refusal(Reason.TOO_MANY_PICTURES))
    return clip
