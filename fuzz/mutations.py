"""Mutate a valid MP4 in one way, chosen by a seed. Pure functions: the same seed gives the same bytes.

The boxes are those of ISO/IEC 14496-12. The offsets below count from the start of a box's body, after the 8-byte
header.
"""

import random
from collections.abc import Callable

from fuzz import odd_clips
from fuzz.boxes import CONTAINERS, HEADER_BYTES, Box, encode_boxes, parse_boxes

HOSTILE = (0, 1, 2, 7, 8, 9, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""Boundary values of 8- to 32-bit integers, and sizes that are too small for a box."""

HOSTILE_LONG = (0, 1, 15, 16, 17, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)

DURATIONS = {b"mvhd": 16, b"tkhd": 20, b"mdhd": 16, b"elst": 8}
TIMESCALES = {b"mvhd": 12, b"mdhd": 12}
COUNTS = {b"stsd": 4, b"stts": 4, b"stsc": 4, b"stsz": 8, b"stco": 4, b"stss": 4, b"ctts": 4, b"elst": 4, b"dref": 4}
ENTRIES = {b"stts": 8, b"stsc": 8, b"stsz": 12, b"stco": 8, b"stss": 8, b"ctts": 8, b"elst": 8}
TABLES = {b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"stsd", b"stts", b"stsc", b"stsz", b"stco"}

_TKHD_WIDTH, _STSD_WIDTH, _STSD_FORMAT = 76, 40, 12
FORMATS = (
    b"hvc1",
    b"av01",
    b"vp09",
    b"mp4v",
    b"jpeg",
    b"s263",
    b"encv",
    b"text",
    b"mp4a",
    b"\0\0\0\0",
    b"rpza",
    b"raw ",
)


def box_places(content: bytes) -> list[int]:
    """Return the offset of each box in a valid file, including nested boxes."""
    places: list[int] = []

    def walk(at: int, end: int) -> None:
        while at + HEADER_BYTES <= end:
            places.append(at)
            size = int.from_bytes(content[at : at + 4], "big")
            if content[at + 4 : at + 8] in CONTAINERS:
                walk(at + HEADER_BYTES, at + size)
            at += max(size, HEADER_BYTES)

    walk(0, len(content))
    return places


def mutate(seed: int, clip: bytes) -> tuple[str, bytes]:
    """Return the kind of mutation and the mutated clip. Consecutive seeds give different kinds."""
    kind = tuple(KINDS)[seed % len(KINDS)]
    return kind, KINDS[kind](random.Random(f"clip {seed}"), clip)  # noqa: S311 (reproducible, not for security)


# Bytes


def _bit_flips(chance: random.Random, clip: bytes) -> bytes:
    changed = bytearray(clip)
    for _ in range(chance.choice((1, 2, 8, 32, 256))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _index_bit_flips(chance: random.Random, clip: bytes) -> bytes:
    """Flip bits only in the index (the `moov` box), where each bit has a meaning."""
    changed = bytearray(clip)
    start = clip.index(b"moov") - 4
    size = int.from_bytes(clip[start : start + 4], "big")
    for _ in range(chance.choice((1, 2, 4, 16))):
        changed[start + chance.randrange(size)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _byte_run(chance: random.Random, clip: bytes) -> bytes:
    length = min(chance.choice((1, 4, 16, 64, 512, 4096)), len(clip))
    start = chance.randrange(len(clip) - length + 1)
    run = chance.choice((bytes(length), b"\xff" * length, chance.randbytes(length)))
    return clip[:start] + run + clip[start + length :]


def _truncated(chance: random.Random, clip: bytes) -> bytes:
    return clip[
        : chance.choice((chance.randrange(len(clip)), chance.randrange(64), len(clip) - chance.randrange(1, 64)))
    ]


def _cut_out(chance: random.Random, clip: bytes) -> bytes:
    """Remove up to 100 bytes at a random position, so that all later bytes shift."""
    start = chance.randrange(len(clip))
    return clip[:start] + clip[start + chance.choice((1, 2, 3, 4, 8, 100)) :]


def _trailer(chance: random.Random, clip: bytes) -> bytes:
    return clip + chance.choice(
        (b"\0", bytes(4), bytes(8), b"\0\0\0\x01free", chance.randbytes(chance.randrange(1, 5000)))
    )


# Boxes


def _lying_size(chance: random.Random, clip: bytes) -> bytes:
    at = chance.choice(box_places(clip))
    true_size = int.from_bytes(clip[at : at + 4], "big")
    size = chance.choice((*HOSTILE[1:], true_size - 1, true_size + 1, true_size + 8, len(clip), chance.getrandbits(32)))
    return clip[:at] + (size % (1 << 32)).to_bytes(4, "big") + clip[at + 4 :]


def _zero_size(chance: random.Random, clip: bytes) -> bytes:
    at = chance.choice(box_places(clip))
    return clip[:at] + bytes(4) + clip[at + 4 :]


def _long_size(chance: random.Random, clip: bytes) -> bytes:
    """Give a box a correct or wrong 64-bit size, inserted before its body or written over the body's first 8 bytes."""
    at = chance.choice(box_places(clip))
    true_size = int.from_bytes(clip[at : at + 4], "big")
    size = chance.choice((true_size, true_size + 8, *HOSTILE_LONG)).to_bytes(8, "big")
    rest = clip[at + 8 :] if chance.random() < 0.5 else clip[at + 16 :]
    return clip[:at] + b"\0\0\0\x01" + clip[at + 4 : at + 8] + size + rest


def _rows(boxes: list[Box]) -> list[list[Box]]:
    """Return the top-level boxes, and the children of each container."""
    return [boxes, *(box.children for top in boxes for box in top.walk() if box.children)]


def _swapped_boxes(chance: random.Random, clip: bytes) -> bytes:
    boxes = parse_boxes(clip)
    row = chance.choice([row for row in _rows(boxes) if len(row) > 1])
    one, other = chance.sample(range(len(row)), 2)
    row[one], row[other] = row[other], row[one]
    return encode_boxes(boxes)


def _duplicated_box(chance: random.Random, clip: bytes) -> bytes:
    boxes = parse_boxes(clip)
    row = chance.choice(_rows(boxes))
    at = chance.randrange(len(row))
    row[at:at] = [row[at].copy() for _ in range(chance.choice((1, 1, 2, 50)))]
    return encode_boxes(boxes)


def _removed_box(chance: random.Random, clip: bytes) -> bytes:
    boxes = parse_boxes(clip)
    row = chance.choice(_rows(boxes))
    del row[chance.randrange(len(row))]
    return encode_boxes(boxes)


def _nested_box(chance: random.Random, clip: bytes) -> bytes:
    """Nest a box in boxes of its own kind, or append a copy of the box to its own children."""
    boxes = parse_boxes(clip)
    row = chance.choice(_rows(boxes))
    at = chance.randrange(len(row))
    if row[at].children and chance.random() < 0.5:
        row[at].children.append(row[at].copy())
        return encode_boxes(boxes)
    content = row[at].encode()
    for _ in range(chance.choice((1, 2, 30, 1500))):
        content = (len(content) + HEADER_BYTES).to_bytes(4, "big") + row[at].kind + content
    row[at] = Box(row[at].kind, content[HEADER_BYTES:])
    return encode_boxes(boxes)


def _moved_box(chance: random.Random, clip: bytes) -> bytes:
    """Move a box into another container."""
    boxes = parse_boxes(clip)
    rows = _rows(boxes)
    row = chance.choice(rows)
    moved = row.pop(chance.randrange(len(row)))
    others = [target for target in rows if not any(target is box.children for box in moved.walk())]
    target = chance.choice(others)
    target.insert(chance.randrange(len(target) + 1), moved)
    return encode_boxes(boxes)


def _renamed_box(chance: random.Random, clip: bytes) -> bytes:
    boxes = parse_boxes(clip)
    every = [box for top in boxes for box in top.walk()]
    chance.choice(every).kind = chance.choice(
        (chance.choice(every).kind, b"free", b"skip", b"uuid", b"cmov", b"moof", b"\0\0\0\0")
    )
    return encode_boxes(boxes)


# Headers


def _lie(chance: random.Random, clip: bytes, places: dict[bytes, int], *, times: int = 1) -> bytes:
    """Write hostile numbers into up to `times` boxes, at the offset in `places` for each box's kind."""
    boxes = parse_boxes(clip)
    liars = [box for top in boxes for box in top.walk() if box.kind in places]
    for box in chance.sample(liars, min(times, len(liars))):
        at = places[box.kind]
        _write(box, at, _hostile_for(chance, int.from_bytes(box.body[at : at + 4], "big")))
    return encode_boxes(boxes)


def _hostile_for(chance: random.Random, true_number: int) -> int:
    near = (true_number - 1, true_number + 1, true_number * 2, true_number // 2, true_number * 1000)
    return chance.choice((*HOSTILE, *near, chance.getrandbits(32))) % (1 << 32)


def _write(box: Box, at: int, number: int, *, width: int = 4) -> None:
    body = bytearray(box.body)
    body[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "big")
    box.body = bytes(body)


def _lying_duration(chance: random.Random, clip: bytes) -> bytes:
    return _lie(chance, clip, DURATIONS, times=chance.choice((1, 2, 9)))


def _lying_timescale(chance: random.Random, clip: bytes) -> bytes:
    return _lie(chance, clip, TIMESCALES, times=chance.choice((1, 1, 3)))


def _lying_count(chance: random.Random, clip: bytes) -> bytes:
    return _lie(chance, clip, COUNTS, times=chance.choice((1, 1, 3)))


def _lying_entry(chance: random.Random, clip: bytes) -> bytes:
    """Write wrong entries in the sample tables: times, sizes, chunks or offsets."""
    boxes = parse_boxes(clip)
    tables = [box for top in boxes for box in top.walk() if len(box.body) >= ENTRIES.get(box.kind, 1 << 30) + 4]
    for table in chance.choices(tables, k=chance.choice((1, 3, 10))):
        first = ENTRIES[table.kind]
        at = first + 4 * chance.randrange((len(table.body) - first) // 4)
        _write(table, at, _hostile_for(chance, int.from_bytes(table.body[at : at + 4], "big")))
    return encode_boxes(boxes)


def _lying_dimensions(chance: random.Random, clip: bytes) -> bytes:
    boxes = parse_boxes(clip)
    every = [box for top in boxes for box in top.walk()]
    side = chance.randrange(2)
    for box in every:
        if box.kind == b"tkhd" and chance.random() < 0.7:
            _write(box, _TKHD_WIDTH + 4 * side, _hostile_for(chance, 1080 << 16))
        if box.kind == b"stsd" and box.body[_STSD_FORMAT : _STSD_FORMAT + 4] == b"avc1":
            _write(box, _STSD_WIDTH + 2 * side, _hostile_for(chance, 1080), width=2)
    return encode_boxes(boxes)


def _lying_format(chance: random.Random, clip: bytes) -> bytes:
    """Declare another codec for the samples."""
    boxes = parse_boxes(clip)
    box = chance.choice([box for top in boxes for box in top.walk() if box.kind == b"stsd"])
    _write(box, _STSD_FORMAT, int.from_bytes(chance.choice(FORMATS), "big"))
    return encode_boxes(boxes)


def _lying_decoder(chance: random.Random, clip: bytes) -> bytes:
    """Change bytes of the decoder's configuration: avcC, esds and the sample entry around them."""
    boxes = parse_boxes(clip)
    box = chance.choice([box for top in boxes for box in top.walk() if box.kind == b"stsd"])
    for _ in range(chance.choice((1, 2, 8))):
        _write(box, chance.randrange(_STSD_FORMAT + 4, len(box.body)), chance.getrandbits(8), width=1)
    return encode_boxes(boxes)


def _lying_matrix(chance: random.Random, clip: bytes) -> bytes:
    boxes = parse_boxes(clip)
    for box in (box for top in boxes for box in top.walk() if box.kind == b"tkhd"):
        _write(box, 40 + 4 * chance.randrange(9), _hostile_for(chance, 1 << 16))
    return encode_boxes(boxes)


def _lying_version(chance: random.Random, clip: bytes) -> bytes:
    """Change the version of a table, on which the widths of its fields depend, or change its flags."""
    boxes = parse_boxes(clip)
    box = chance.choice([box for top in boxes for box in top.walk() if box.kind in TABLES])
    _write(box, 0, chance.choice((1 << 24, 2 << 24, 255 << 24, 0xFFFFFF, chance.getrandbits(32))))
    return encode_boxes(boxes)


def _shortened_table(chance: random.Random, clip: bytes) -> bytes:
    """Truncate a table at any byte, and correct the size of its box and of the boxes that enclose it."""
    boxes = parse_boxes(clip)
    box = chance.choice([box for top in boxes for box in top.walk() if box.kind in TABLES])
    box.body = box.body[: chance.randrange(len(box.body))]
    return encode_boxes(boxes)


def _broken_media(chance: random.Random, clip: bytes) -> bytes:
    """Damage the media data, but leave the index intact."""
    boxes = parse_boxes(clip)
    for box in boxes:
        if box.kind == b"mdat" and box.body:
            start = chance.randrange(len(box.body))
            end = min(len(box.body), start + chance.choice((4, 100, len(box.body))))
            box.body = box.body[:start] + chance.randbytes(end - start) + box.body[end:]
    return encode_boxes(boxes)


def _chimera(chance: random.Random, clip: bytes) -> bytes:
    """Apply two to four of the mutations that write wrong numbers into headers and tables."""
    for _ in range(chance.randrange(2, 5)):
        lie = chance.choice((_lying_duration, _lying_timescale, _lying_count, _lying_entry, _lying_dimensions))
        clip = lie(chance, clip)
    return clip


KINDS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "bit flips": _bit_flips,
    "bit flips in the index": _index_bit_flips,
    "byte run": _byte_run,
    "truncated": _truncated,
    "cut out": _cut_out,
    "trailer": _trailer,
    "lying size": _lying_size,
    "zero size": _zero_size,
    "64-bit size": _long_size,
    "swapped boxes": _swapped_boxes,
    "duplicated box": _duplicated_box,
    "removed box": _removed_box,
    "nested box": _nested_box,
    "moved box": _moved_box,
    "renamed box": _renamed_box,
    "lying duration": _lying_duration,
    "lying timescale": _lying_timescale,
    "lying count": _lying_count,
    "lying entry": _lying_entry,
    "lying dimensions": _lying_dimensions,
    "lying format": _lying_format,
    "lying decoder": _lying_decoder,
    "lying matrix": _lying_matrix,
    "lying version": _lying_version,
    "shortened table": _shortened_table,
    "broken media": _broken_media,
    "several lies": _chimera,
    **odd_clips.KINDS,
}
