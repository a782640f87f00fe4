"""Probes a clip: reads its properties with MediaInfo and from its index."""

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
"""The limit on elapsed time. It supplements the CPU limit: CPU time does not advance while a busy machine delays the
process."""

_MEDIAINFO = Path(__file__).with_name("mediainfo_process.py")
_LIMITS = Limits(memory_bytes=1 << 30, file_bytes=0)
_CLIP_IS_DAMAGED = os.EX_DATAERR
"""The script's exit code when MediaInfo cannot read the clip. Any other positive code is the machine's fault."""

_OUTSIDE_SIGNALS = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}

_KEPT_CHARACTERS = 2000

Facts = dict[str, str]
"""MediaInfo's fields of one track."""

Index = dict[int, IndexedTrack]
"""Tracks by their ids."""

PROGRESSIVE = "Progressive"


@dataclass(frozen=True, slots=True)
class Clip:
    """The properties of one MP4. The properties of its video come from the first decodable video track."""

    width: int
    """Coded pixels, before rotation."""
    height: int
    duration_seconds: float
    """From the start of the earliest track to the end of the video. A delay that all tracks share is not included."""
    frame_rate: float | None
    """The average; None when the track does not state it."""
    video_codec: str
    """MediaInfo's name of the format: AVC, HEVC, …"""
    bit_depth: int | None
    chroma: str | None
    """Chroma subsampling: 4:2:0, …"""
    audio_channels: int | None
    """The channels of the first decodable audio track; 0 without such a track, None if their number is unknown."""
    colour: Colour = BT709
    orientation: Orientation = UPRIGHT
    interlaced: bool = False
    pictures: int = 0
    """The number of frames that the index lists."""
    picture_track: int = 1
    """The id of the video track, by which FFmpeg selects it."""
    sound_tracks: tuple[int, ...] = ()
    """The ids of the audio tracks in decodable formats, in the file's order. Decoding may still fail."""
    declares_sound: bool = False
    """Whether any audio track lists at least one packet, decodable or not."""

    @property
    def pixels(self) -> int:
        """The pixels of one frame."""
        return self.width * self.height


def probe(path: Path) -> Clip:
    """Return the properties of an MP4.

    The file's boxes are checked first. MediaInfo then reads the file in a separate process.

    Raises:
        UnreadableClip: the file is not a complete MP4 with a decodable video track. The text is for the operator.
        ProbeKilled: MediaInfo's process was killed from outside.
        MediaInfoMissing: MediaInfo could not start in the sandbox. The cause is not the clip.
        OSError: the file cannot be opened.
    """
    require_whole_mp4(path)
    index = {track.track_id: track for track in reversed(read_index(path))}
    tracks = _run_mediainfo(path)
    return _clip(tracks["video"], tracks["audio"], index)


def _run_mediainfo(path: Path) -> dict[str, list[Facts]]:
    """Run MediaInfo on a clip. It gets the clip as an open file, because the sandbox does not let it open the clip."""
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
                f"MediaInfo did not finish reading the MP4 in {WALL_SECONDS} s.", Reason.DAMAGED
            ) from None
    _raise_for_exit(run.returncode, run.stderr.decode("utf-8", "replace"))
    tracks: dict[str, list[Facts]] = json.loads(run.stdout)
    return tracks


def _raise_for_exit(code: int, said: str) -> None:
    """Raise the error that MediaInfo's exit code indicates. A negative code means that a signal ended the process."""
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
        raise UnreadableClip("The MP4's index lacks the video track that MediaInfo finds.", Reason.DAMAGED)
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
    """Return the first video track that FFmpeg may decode.

    Raises:
        UnreadableClip: there is none; the text describes the first video track.
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
    """Return the index's entry for MediaInfo's track; None if MediaInfo found the track in another track's packets."""
    track_id = facts.get("track_id", "")
    return index.get(int(track_id)) if track_id.isdecimal() else None


def _media_seconds(video: Facts, picture: IndexedTrack) -> float:
    """Return the duration of the video from its own start.

    MediaInfo includes a leading empty edit in a track's duration, unless the track is fragmented.
    """
    stated = _required(video, "duration") / 1000
    duration = stated if picture.is_fragmented else stated - picture.empty_seconds
    if duration <= 0:
        raise UnreadableClip("The MP4's edit list leaves no video.", Reason.DAMAGED)
    return duration


def _required(video: Facts, fact: str) -> float:
    number = _number(video.get(fact))
    if not number or number < 0:
        raise UnreadableClip(f"The video track states no {fact}.", Reason.DAMAGED)
    return number


def _channels(audio: Facts, track: IndexedTrack) -> int | None:
    return int(_number(audio.get("channel_s")) or track.channels) or None


def _number(value: str | None) -> float | None:
    """Parse a number such as "29.970". Of several values ("6 / 2"), the first counts."""
    try:
        number = float((value or "").split(" / ")[0])
    except ValueError:
        return None
    return number if math.isfinite(number) else None
