"""The top-level structure of an MP4 file: a sequence of boxes, each with a size and a four-letter type.

The platform checks this structure before any media library reads the file. It rejects files that do not start with an
`ftyp` box, for example images, documents, and playlists or concat scripts that refer to other files.

Source: ISO/IEC 14496-12, section 4.2 (boxes) and 4.3 (`ftyp`).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.media.errors import Reason, UnreadableClip

QUICKTIME_BRAND = "qt  "
"""The only rejected brand: a MOV is not an MP4, whatever its file name. All other ISO brands (isom, mp41, mp42, avc1,
hvc1, M4V, and the 3gp4 that older Android phones write into .mp4 files) use the same container format."""

MAX_BOXES = 10_000
"""More than any recorder writes. A file with millions of empty boxes would keep a request busy for a long time."""

_HEADER_BYTES = 8
_LONG_HEADER_BYTES = 16
_MEDIA_BOXES = frozenset({"moov", "mdat"})
_NEVER_IN_A_TRAILER = _MEDIA_BOXES | {"moof"}
"""If a box of one of these kinds extends beyond the end of the file, the clip is truncated."""


@dataclass(frozen=True, slots=True)
class Box:
    """One top-level box. `size_bytes` includes the header; `offset` is from the start of the file."""

    kind: str
    offset: int
    size_bytes: int


def require_whole_mp4(path: Path) -> None:
    """Check that a file is a complete MP4.

    Raises:
        UnreadableClip: the file is empty, truncated, a MOV or not an MP4 at all, or it has no index (`moov`).
    """
    with path.open("rb") as file:
        _require_mp4_brand(file)
        kinds = [box.kind for box in walk_boxes(file, path.stat().st_size)]
    if "moov" not in kinds:
        raise UnreadableClip(
            "The MP4 has no index (moov box): the recording was not finished, or is cut short.", Reason.INCOMPLETE
        )
    media_after = "moof" if "moof" in kinds else "ftyp"
    last = len(kinds) - 1 - kinds[::-1].index(media_after)
    if "mdat" not in kinds[last:]:
        raise UnreadableClip(
            f"The MP4 has no media (mdat box) after its last {media_after} box: it is cut short.", Reason.INCOMPLETE
        )


def walk_boxes(file: BinaryIO, file_bytes: int) -> Iterator[Box]:
    """Yield the top-level boxes, reading only their headers.

    Cameras and apps append trailers with arbitrary content. So after a complete `moov` and `mdat`, bytes that are not
    a box, or that look like the header of a box extending beyond the file, end the iteration without an error.

    Raises:
        UnreadableClip: a box extends beyond the end of the file, or the file is not a sequence of boxes.
    """
    offset = 0
    seen: set[str] = set()
    for _ in range(MAX_BOXES):
        if offset == file_bytes:
            return
        file.seek(offset)
        box = _parse_header(file.read(_LONG_HEADER_BYTES), offset, file_bytes)
        ends_early = box is not None and offset + box.size_bytes > file_bytes
        if (box is None or (ends_early and box.kind not in _NEVER_IN_A_TRAILER)) and seen >= _MEDIA_BOXES:
            return
        if box is None:
            raise UnreadableClip(f"The MP4 is damaged: no box begins at byte {offset}.", Reason.DAMAGED)
        if ends_early:
            raise UnreadableClip(
                f"The MP4 is cut short: its {box.kind} box ends beyond the end of the file.", Reason.INCOMPLETE
            )
        seen.add(box.kind)
        yield box
        offset += box.size_bytes
    raise UnreadableClip(f"The MP4 is damaged: it has more than {MAX_BOXES} boxes.", Reason.DAMAGED)


def _require_mp4_brand(file: BinaryIO) -> None:
    head = file.read(12)
    if not head:
        raise UnreadableClip("The file is empty.", Reason.NOT_MP4)
    if head[4:8] != b"ftyp":
        raise UnreadableClip("The file is not an MP4: it does not begin with an ftyp box.", Reason.NOT_MP4)
    if head[8:12].decode("latin-1") == QUICKTIME_BRAND:
        raise UnreadableClip("The file is a QuickTime MOV, not an MP4.", Reason.QUICKTIME)


def _parse_header(header: bytes, offset: int, file_bytes: int) -> Box | None:
    """Return the box of a header, or None when the bytes are not a header. Size 0 means "to the end of the file"."""
    if len(header) < _HEADER_BYTES or not header[4:8].isascii() or not header[4:8].decode("ascii").isprintable():
        return None
    size, kind = int.from_bytes(header[:4], "big"), header[4:8].decode("ascii")
    minimum = _HEADER_BYTES
    if size == 0:
        return Box(kind, offset, file_bytes - offset)
    if size == 1 and len(header) == _LONG_HEADER_BYTES:
        (size,), minimum = struct.unpack(">Q", header[8:]), _LONG_HEADER_BYTES
    return Box(kind, offset, size) if size >= minimum else None
