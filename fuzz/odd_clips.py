"""Change a valid MP4 at random into one that a recorder, an editor or an attacker could make. Pure functions.

Unlike the mutants of `mutations`, most of the results conform to the standard (ISO/IEC 14496-12). The offsets below
count from the start of a box's body.
"""

import random
from collections.abc import Callable

from fuzz.boxes import HEADER_BYTES, Box, encode_boxes, parse_boxes

SMALL_PICTURE = bytes.fromhex(
    "000000166742c00ada11ec044000000300400000030083c489a80000000468ce0fc8000000106588843a26280c9c9c9d75d75d75d75e"
)
"""One grey 64x48 H.264 picture with its parameter sets, as an MP4 sample (made with x264)."""

_TRACK_ID, _WIDTH_IN_STSD = 12, 40
_SOUND_FORMATS = (b"apac", b"mha1", b"mp4a", b"Opus", b"ac-3", b"sowt", b"QDM2", b"samr")
_PICTURE_FORMATS = (b"rle ", b"rpza", b"jpeg", b"hvc1", b"avc1", b"SVQ3", b"cvid")


def _tracks(boxes: list[Box]) -> list[Box]:
    return [box for top in boxes if top.kind == b"moov" for box in top.children if box.kind == b"trak"]


def _inside(box: Box, kind: bytes) -> Box:
    return next(found for found in box.walk() if found.kind == kind)


def _numbers(*numbers: int) -> bytes:
    return b"".join((number % (1 << 32)).to_bytes(4, "big") for number in numbers)


def _set(box: Box, at: int, content: bytes) -> None:
    box.body = box.body[:at] + content + box.body[at + len(content) :]


def _offsets(chance: random.Random, clip: bytes) -> bytes:
    """Insert empty edits that delay the sound, the picture, or both."""
    boxes = parse_boxes(clip)
    shared = chance.choice((0, 0, 1_000, 5_000, 3_600_000))
    for track in _tracks(boxes):
        delay = shared + chance.choice((0, 0, 40, 500, 2_000))
        track.children = [box for box in track.children if box.kind != b"edts"]
        edits = _numbers(0, 2, delay, -1, 1 << 16, chance.choice((1_000, 20_000, 30_000)), 0, 1 << 16)
        track.children.insert(1, Box(b"edts", children=[Box(b"elst", edits)]))
    return encode_boxes(boxes)


def _odd_tags(chance: random.Random, clip: bytes) -> bytes:
    """Insert colour tags: valid, incomplete, reserved, or invalid."""
    boxes = parse_boxes(clip)
    codes = (0, 1, 2, 3, 4, 5, 6, 9, 12, 14, 16, 18, 22, 255, 65535)
    tags = b"".join(chance.choice(codes).to_bytes(2, "big") for _ in range(3)) + chance.choice((b"\0", b"\x80"))
    colr = Box(b"colr", chance.choice((b"nclx", b"nclc")) + tags).encode()
    table = _inside(_tracks(boxes)[0], b"stsd")
    entry_bytes = int.from_bytes(table.body[8:12], "big") + len(colr)
    table.body = table.body[:8] + _numbers(entry_bytes) + table.body[12:] + colr
    return encode_boxes(boxes)


def _several_tracks(chance: random.Random, clip: bytes) -> bytes:
    """Add audio and video tracks in any order, some in formats without a decoder, some empty."""
    boxes = parse_boxes(clip)
    moov = next(box for box in boxes if box.kind == b"moov")
    for number in range(chance.choice((1, 2, 4, 20))):
        track = chance.choice(_tracks(boxes)).copy()
        _set(_inside(track, b"tkhd"), _TRACK_ID, _numbers(chance.choice((10 + number, 1, 2, 0))))
        formats = _SOUND_FORMATS if _inside(track, b"hdlr").body[8:12] == b"soun" else _PICTURE_FORMATS
        _set(_inside(track, b"stsd"), 12, chance.choice(formats))
        if chance.random() < 0.3:
            _set(_inside(track, b"stsz"), 8, _numbers(0))
        moov.children.insert(chance.randrange(1, len(moov.children) + 1), track)
    return encode_boxes(boxes)


def _app_trailer(chance: random.Random, clip: bytes) -> bytes:
    """Append data as some apps do: text that parses as a box, several boxes, or a box that is longer than the file."""
    return clip + chance.choice(
        (
            b"Edited with SomeApp 7.1\n" * chance.randrange(1, 50),
            b"TAG" + bytes(125),
            b"\0\0\0\x10skip12345678" * chance.randrange(1, 200),
            _numbers(chance.choice((0, 1, 9, 1 << 30)))
            + chance.choice((b"uuid", b"moof", b"mdat", b"free"))
            + b"x" * 99,
            b"LYRICSBEGIN" + chance.randbytes(300) + b"LYRICS200",
        )
    )


def _index_lies(chance: random.Random, clip: bytes) -> bytes:
    """Point many index entries at one packet, at a high frame rate."""
    boxes = parse_boxes(clip)
    table = _inside(_tracks(boxes)[0], b"stbl")
    count, ticks = chance.choice((300, 3_000, 30_000, 300_000)), chance.choice((1, 5, 10, 40, 512))
    size, place = (_inside(table, kind).body[at : at + 4] for kind, at in ((b"stsz", 12), (b"stco", 8)))
    table.children = [
        box for box in table.children if box.kind not in {b"stts", b"stsz", b"stco", b"stsc", b"stss", b"ctts"}
    ]
    table.children += [
        Box(b"stts", _numbers(0, 1, count, ticks)),
        Box(b"stsc", _numbers(0, 1, 1, 1, 1)),
        Box(b"stsz", _numbers(0, int.from_bytes(size, "big"), count)),
        Box(b"stco", _numbers(0, count) + place * count),
    ]
    side = chance.choice((1920, 8192)).to_bytes(2, "big")
    _set(_inside(table, b"stsd"), _WIDTH_IN_STSD, side * 2)
    return encode_boxes(boxes)


def _mid_stream_change(chance: random.Random, clip: bytes) -> bytes:
    """From a random packet on, replace all packets, or every second or third, with a 64x48 picture."""
    boxes = parse_boxes(clip)
    table = _inside(_tracks(boxes)[0], b"stbl")
    sizes = _sample_sizes(_inside(table, b"stsz"))
    places = _sample_places(table, sizes)
    first, step = chance.randrange(len(sizes)), chance.choice((1, 1, 2, 3))
    for number in range(first, len(sizes), step):
        sizes[number], places[number] = len(SMALL_PICTURE), len(clip) + HEADER_BYTES
    table.children = [box for box in table.children if box.kind not in {b"stsz", b"stco", b"stsc"}]
    table.children += [
        Box(b"stsc", _numbers(0, 1, 1, 1, 1)),
        Box(b"stsz", _numbers(0, 0, len(sizes), *sizes)),
        Box(b"stco", _numbers(0, len(places), *places)),
    ]
    # The index refers to packets by their offset in the file, so no packet may move. Therefore the old index becomes a
    # `free` box in place, and the new index is appended.
    moov = next(box for box in boxes if box.kind == b"moov")
    return clip.replace(b"moov", b"free", 1) + Box(b"mdat", SMALL_PICTURE).encode() + moov.encode()


def _sample_sizes(stsz: Box) -> list[int]:
    same, count = (int.from_bytes(stsz.body[at : at + 4], "big") for at in (4, 8))
    return [same or int.from_bytes(stsz.body[at : at + 4], "big") for at in range(12, 12 + 4 * count, 4)]


def _sample_places(table: Box, sizes: list[int]) -> list[int]:
    """Return the offset of each packet in the file; `stsc` gives the number of packets in each chunk."""
    per_chunk, chunks = _inside(table, b"stsc").body, _inside(table, b"stco").body
    runs = {_number(per_chunk, at): _number(per_chunk, at + 4) for at in range(8, len(per_chunk), 12)}
    places: list[int] = []
    packets = 1
    for chunk in range(1, _number(chunks, 4) + 1):
        packets, place = runs.get(chunk, packets), _number(chunks, 4 + 4 * chunk)
        for size in sizes[len(places) : len(places) + packets]:
            places.append(place)
            place += size
    return places


def _number(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 4], "big")


KINDS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "offsets": _offsets,
    "odd tags": _odd_tags,
    "several tracks": _several_tracks,
    "an app's trailer": _app_trailer,
    "index lies": _index_lies,
    "mid-stream change": _mid_stream_change,
}
