"""What a clip is, read from its headers by MediaInfo and from its index."""

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from app.media.boxes import require_whole_mp4
from app.media.colour import BT709, Colour, colour_of
from app.media.decoders import DECODABLE_AUDIO, DECODABLE_VIDEO
from app.media.errors import MediaInfoMissing, ProbeKilled, Reason, UnreadableClip
from app.media.index import IndexedTrack, read_index
from app.media.orientation import UPRIGHT, Orientation
from app.media.sandbox import ENVIRONMENT, Limits, confined

WALL_SECONDS = 60
"""Backstop; the process limits its own processor time, which does not run out on a busy machine."""

_MEDIAINFO = Path(__file__).with_name("mediainfo_process.py")
_LIMITS = Limits(memory_bytes=1 << 30, file_bytes=0)
_CLIP_IS_DAMAGED = os.EX_DATAERR
"""The script's exit code when MediaInfo gave up on the clip. Any other but 0 is the machine's fault."""

_OUTSIDE_SIGNALS = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}

_KEPT_CHARACTERS = 2000

Facts = dict[str, str]
"""What MediaInfo knows of one track."""

Index = dict[int, IndexedTrack]
"""Tracks by their ids."""

PROGRESSIVE = "Progressive"


@dataclass(frozen=True, slots=True)
class Clip:
    """The facts of one MP4. The picture is that of the first video track that can be decoded."""

    width: int
    """Coded pixels, before rotation."""
    height: int
    duration_seconds: float
    """Of the picture, from where the first of the picture and the sound begins: a delay that all share is no part."""
    frame_rate: float | None
    """Average; None when the track does not say."""
    video_codec: str
    """MediaInfo's name: AVC, HEVC, …"""
    bit_depth: int | None
    chroma: str | None
    """Chroma subsampling: 4:2:0, …"""
    audio_channels: int | None
    """Of the first sound track that may be decoded: 0 without one, None when neither MediaInfo nor the index says."""
    colour: Colour = BT709
    orientation: Orientation = UPRIGHT
    interlaced: bool = False
    pictures: int = 0
    """How many the index lists."""
    picture_track: int = 1
    """The track's id, by which FFmpeg finds it."""
    sound_tracks: tuple[int, ...] = ()
    """Ids of the tracks that may hold usable sound, in the file's order; what decodes decides."""
    declares_sound: bool = False
    """Whether any sound track lists at least one packet, decodable or not."""

    @property
    def pixels(self) -> int:
        """Of one picture."""
        return self.width * self.height


def probe(path: Path) -> Clip:
    """Read the facts of an MP4.

    Its boxes are checked first; MediaInfo then reads the open file in a process of its own.

    Raises:
        UnreadableClip: it is not a whole MP4 with a video track that can be decoded. The text is for the operator.
        ProbeKilled: MediaInfo's process was killed from outside.
        MediaInfoMissing: MediaInfo could not be started, or not confined: the clip has no part in it.
        OSError: the file cannot be opened.
    """
    require_whole_mp4(path)
    index = {track.track_id: track for track in reversed(read_index(path))}
    tracks = _run_mediainfo(path)
    return _clip(tracks["video"], tracks["audio"], index)


def _run_mediainfo(path: Path) -> dict[str, list[Facts]]:
    """MediaInfo gets the clip as an open file: confined, it can open neither this nor any other."""
    command = confined([sys.executable, "-I", str(_MEDIAINFO)], _LIMITS, readable=[_MEDIAINFO])
    with path.open("rb") as file:
        try:
            run = subprocess.run(  # noqa: S603 - our own script
                command,
                stdin=file,
                capture_output=True,
                timeout=WALL_SECONDS,
                check=False,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise UnreadableClip(
                f"MediaInfo did not get through the MP4 in {WALL_SECONDS} s.", Reason.DAMAGED
            ) from None
    _raise_for_exit(run.returncode, run.stderr.decode("utf-8", "replace"))
    tracks: dict[str, list[Facts]] = json.loads(run.stdout)
    return tracks


def _raise_for_exit(code: int, said: str) -> None:
    """Turn the end of MediaInfo's process into the fact behind it; 0 is no error, below 0 is a signal's number."""
    if code in _OUTSIDE_SIGNALS:
        raise ProbeKilled(f"MediaInfo was killed by signal {-code}.")
    if code < 0 or code == _CLIP_IS_DAMAGED:
        raise UnreadableClip("MediaInfo could not read the MP4: its index is damaged.", Reason.DAMAGED)
    if code != 0:
        raise MediaInfoMissing(f"MediaInfo could not be started: {said[-_KEPT_CHARACTERS:].strip()}")


def _clip(videos: list[Facts], audios: list[Facts], index: Index) -> Clip:
    video = _first_decodable(videos)
    bit_depth = _number(video.get("bit_depth"))
    picture = _indexed(video, index)
    if picture is None:
        raise UnreadableClip("The MP4's index does not hold the video track that MediaInfo finds.", Reason.DAMAGED)
    sounds = [(facts, track) for facts in audios if (track := _indexed(facts, index)) and track.samples]
    usable = [(facts, track) for facts, track in sounds if _may_decode(facts, DECODABLE_AUDIO)]
    begins = min(track.start_seconds for track in (picture, *(track for _, track in sounds)))
    duration = _media_seconds(video, picture) + picture.start_seconds - begins
    return Clip(
        width=int(_required(video, "width")),
        height=int(_required(video, "height")),
        duration_seconds=duration,
        frame_rate=_number(video.get("frame_rate")),
        video_codec=video["format"],
        bit_depth=None if bit_depth is None else int(bit_depth),
        chroma=video.get("chroma_subsampling"),
        audio_channels=_channels(*usable[0]) if usable else 0,
        colour=colour_of(video),
        orientation=picture.orientation,
        interlaced=video.get("scan_type", PROGRESSIVE) != PROGRESSIVE,
        pictures=picture.samples,
        picture_track=picture.track_id,
        sound_tracks=tuple(track.track_id for _, track in usable),
        declares_sound=bool(sounds),
    )


def _first_decodable(videos: list[Facts]) -> Facts:
    """The first video track that FFmpeg may decode.

    Raises:
        UnreadableClip: there is none; the text is about the first.
    """
    if not videos:
        raise UnreadableClip("The MP4 has no video track.", Reason.NO_VIDEO)
    for video in videos:
        if _may_decode(video, DECODABLE_VIDEO):
            return video
    if "encryption" in videos[0]:
        raise UnreadableClip("The video track is encrypted.", Reason.ENCRYPTED)
    found = videos[0].get("format", "of an unknown format")
    raise UnreadableClip(f"The video track is {found}: not decodable.", Reason.CODEC)


def _may_decode(track: Facts, formats: frozenset[str]) -> bool:
    return track.get("format") in formats and "encryption" not in track


def _indexed(facts: Facts, index: Index) -> IndexedTrack | None:
    """The index's side of a track that MediaInfo describes; none for one that it finds inside another's packets."""
    track_id = facts.get("track_id", "")
    return index.get(int(track_id)) if track_id.isdecimal() else None


def _media_seconds(video: Facts, picture: IndexedTrack) -> float:
    """How long the picture lasts from its own beginning.

    MediaInfo counts a leading empty edit into a track's duration, unless the track is fragmented.
    """
    stated = _required(video, "duration") / 1000
    duration = stated if picture.is_fragmented else stated - picture.empty_seconds
    if duration <= 0:
        raise UnreadableClip("The MP4's edit list leaves nothing of the picture.", Reason.DAMAGED)
    return duration


def _required(video: Facts, fact: str) -> float:
    number = _number(video.get(fact))
    if not number or number < 0:
        raise UnreadableClip(f"The video track states no {fact}.", Reason.DAMAGED)
    return number


def _channels(audio: Facts, track: IndexedTrack) -> int | None:
    return int(_number(audio.get("channel_s")) or track.channels) or None


def _number(value: str | None) -> float | None:
    """MediaInfo writes "29.970", or several values as "6 / 2": then the first counts."""
    try:
        number = float((value or "").split(" / ")[0])
    except ValueError:
        return None
    return number if math.isfinite(number) else None
