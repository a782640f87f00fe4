"""Reads properties of tracks that MediaInfo does not report, from an MP4's index (`moov`, and the `moof` of fragments).

MediaInfo reports no channel count for some codecs, counts a delay that all tracks share as part of the duration, and
does not report mirroring. FFmpeg reads the same boxes. A missing or invalid number counts as zero, and a missing or
invalid matrix as upright. Neither raises an error: MediaInfo, the limits and the decoders determine whether a clip is
accepted.

Source: ISO/IEC 14496-12 (`mvhd` 8.2.2, `tkhd` 8.3.2, `elst` 8.6.6, `stsd` 8.5.2, `stsz` 8.7.3, `tfdt` 8.8.12,
`trun` 8.8.8).
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.media.errors import Reason, UnreadableClip
from app.media.orientation import Matrix, Orientation, orientation_of

MAX_INDEX_BOXES = 200_000
"""Far more than recorders write: a minute at 60 fps, with a fragment of six boxes for each frame, has 21,600 boxes."""

MAX_EMPTY_EDITS = 64
"""Recorders write at most one empty edit."""

_ENTRY_BYTES = {b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4}
"""The size of an entry in each table whose body has the number of entries at byte 4, and then the entries."""

_HEADER_BYTES = 8
_NO_MEDIA = -1


@dataclass(frozen=True, slots=True)
class IndexedTrack:
    """One track as the index describes it."""

    track_id: int
    samples: int
    """The number of frames or sound packets that the index lists."""
    is_fragmented: bool
    empty_seconds: float
    """The length of the leading empty edit."""
    start_seconds: float
    """When the track begins on the file's timeline: its empty edit, plus the time of its first fragment, if any."""
    channels: int
    """From an audio track's sample description; meaningless for other tracks."""
    orientation: Orientation
    """Meaningless for sound."""


@dataclass(slots=True)
class _Fragments:
    """The samples that the `moof` boxes add to one track."""

    samples: int = 0
    first_time: int | None = None


@dataclass(slots=True)
class _Walk:
    """Iterates over boxes and limits their total number per file, as a defence against millions of empty boxes."""

    left: int = MAX_INDEX_BOXES
    fragments: dict[int, _Fragments] = field(default_factory=dict)

    def boxes(self, content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        """Yield the type and body of each box; bytes that are not a box end the iteration.

        Raises:
            UnreadableClip: the index has more boxes than any recorder writes.
        """
        at = 0
        while at + _HEADER_BYTES <= len(content):
            self.left -= 1
            if self.left < 0:
                raise UnreadableClip(f"The MP4's index has more than {MAX_INDEX_BOXES} boxes.", Reason.DAMAGED)
            size, body = _number(content, at, 4), at + _HEADER_BYTES
            if size == 1:
                size, body = _number(content, body, 8), body + 8
            elif size == 0:
                size = len(content) - at
            if at + size < body:
                return
            yield bytes(content[at + 4 : at + 8]), content[body : at + size]
            at += size

    def inside(self, content: memoryview, *path: bytes) -> memoryview:
        """Return the body of the first box along a path of types; empty when there is none."""
        for kind in path:
            content = next((body for found, body in self.boxes(content) if found == kind), content[:0])
        return content


def read_index(path: Path) -> list[IndexedTrack]:
    """Read every track of an MP4 whose top-level boxes are complete (`require_whole_mp4`).

    Raises:
        UnreadableClip: the index has more boxes than any recorder writes, or declares more entries than it contains.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        # The mapping is not closed here: if the parser raises an error, the error's traceback holds views of the
        # mapping, and closing would fail. The mapping is freed with its last view.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return list(_tracks(memoryview(mapped), _Walk()))


def _tracks(content: memoryview, walk: _Walk) -> Iterator[IndexedTrack]:
    moov = content[:0]
    for kind, body in walk.boxes(content):
        if kind == b"moov":
            moov = body
        elif kind == b"moof":
            _add_fragments(body, walk)
    header = walk.inside(moov, b"mvhd")
    movie_scale, movie_matrix = _timescale(header), _matrix(header, 36, 48)
    for kind, trak in walk.boxes(moov):
        if kind == b"trak":
            yield _track(trak, movie_scale, movie_matrix, walk)


def _add_fragments(moof: memoryview, walk: _Walk) -> None:
    for kind, traf in walk.boxes(moof):
        if kind != b"traf":
            continue
        track_id = _number(walk.inside(traf, b"tfhd"), 4, 4)
        found = walk.fragments.setdefault(track_id, _Fragments())
        if found.first_time is None:
            tfdt = walk.inside(traf, b"tfdt")
            found.first_time = _number(tfdt, 4, 8 if _version(tfdt) else 4)
        found.samples += sum(_number(run, 4, 4) for kind, run in walk.boxes(traf) if kind == b"trun")


def _track(trak: memoryview, movie_scale: int, movie_matrix: Matrix, walk: _Walk) -> IndexedTrack:
    header, media = walk.inside(trak, b"tkhd"), walk.inside(trak, b"mdia")
    table = walk.inside(media, b"minf", b"stbl")
    track_id = _number(header, 20 if _version(header) else 12, 4)
    fragments = walk.fragments.get(track_id, _Fragments())
    listed = _listed_samples(table, walk)
    empty = _leading_empty_edit(walk.inside(trak, b"edts", b"elst"), movie_scale)
    first_time = 0 if listed else fragments.first_time or 0
    description = next((entry for _, entry in walk.boxes(walk.inside(table, b"stsd")[8:])), table[:0])
    return IndexedTrack(
        track_id=track_id,
        samples=listed + fragments.samples,
        is_fragmented=not listed,
        empty_seconds=empty,
        start_seconds=empty + first_time / _timescale(walk.inside(media, b"mdhd")),
        channels=_number(description, 16, 2),
        orientation=orientation_of(_matrix(header, 40, 52), movie_matrix),
    )


def _listed_samples(table: memoryview, walk: _Walk) -> int:
    """Return how many samples the track's tables list.

    Raises:
        UnreadableClip: a table declares more entries than it contains. MediaInfo would iterate over the declared number
            (5 s of CPU time), and FFmpeg would allocate memory for it.
    """
    samples = 0
    for kind, body in walk.boxes(table):
        if _number(body, 4, 4) * _ENTRY_BYTES.get(kind, 0) > len(body):
            raise UnreadableClip(f"The MP4's {kind.decode()} box declares more entries than it has.", Reason.DAMAGED)
        if kind in {b"stsz", b"stz2"}:
            samples += _number(body, 8, 4)
    return samples


def _leading_empty_edit(elst: memoryview, movie_scale: int) -> float:
    """Return the seconds of empty edits before the track's media. MediaInfo and FFmpeg treat later edits alike."""
    width = 8 if _version(elst) else 4
    entry_bytes, entries = 2 * width + 4, min(_number(elst, 4, 4), MAX_EMPTY_EDITS)
    ticks = 0
    for at in range(8, min(len(elst), 8 + entries * entry_bytes), entry_bytes):
        if _number(elst, at + width, width, signed=True) != _NO_MEDIA:
            break
        ticks += _number(elst, at, width)
    return ticks / movie_scale


def _timescale(header: memoryview) -> int:
    """Return the ticks per second of an `mvhd` or `mdhd`; 1 when it states none."""
    return _number(header, 20 if _version(header) else 12, 4) or 1


def _matrix(header: memoryview, at: int, at_in_version_1: int) -> Matrix:
    """Return a, b, c, d of a header's transformation matrix, stored as 16.16 fixed point."""
    at = at_in_version_1 if _version(header) else at
    a, b, c, d = (_number(header, at + offset, 4, signed=True) for offset in (0, 4, 12, 16))
    return a / 65536, b / 65536, c / 65536, d / 65536


def _version(full_box: memoryview) -> int:
    return _number(full_box, 0, 1)


def _number(content: memoryview, at: int, size: int, *, signed: bool = False) -> int:
    """Return a big-endian number; 0 when the box ends before it."""
    return int.from_bytes(content[at : at + size], "big", signed=signed)
