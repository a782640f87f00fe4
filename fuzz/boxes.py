"""Parse an MP4 into its boxes (ISO/IEC 14496-12), and serialize them again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf"}
HEADER_BYTES = 8


@dataclass
class Box:
    """A parsed box, which has either children or a body."""

    kind: bytes
    body: bytes = b""
    children: list["Box"] = field(default_factory=list)

    def encode(self) -> bytes:
        """Return the box as bytes, with the correct size."""
        content = self.body + b"".join(child.encode() for child in self.children)
        return (len(content) + HEADER_BYTES).to_bytes(4, "big") + self.kind + content

    def walk(self) -> Iterator["Box"]:
        """Yield this box and all boxes inside it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def copy(self) -> "Box":
        return Box(self.kind, self.body, [child.copy() for child in self.children])


def parse_boxes(content: bytes) -> list[Box]:
    """Return the boxes of a valid file."""
    boxes, at = [], 0
    while at + HEADER_BYTES <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = content[at + HEADER_BYTES : at + size]
        boxes.append(Box(kind, children=parse_boxes(body)) if kind in CONTAINERS else Box(kind, body))
        at += max(size, HEADER_BYTES)
    return boxes


def encode_boxes(boxes: list[Box]) -> bytes:
    return b"".join(box.encode() for box in boxes)
