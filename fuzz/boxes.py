"""An MP4 taken apart into its boxes (ISO/IEC 14496-12), to be changed and put together again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf"}
HEADER_BYTES = 8


@dataclass
class Box:
    """One box, taken apart: either children or a body."""

    kind: bytes
    body: bytes = b""
    children: list["Box"] = field(default_factory=list)

    def written(self) -> bytes:
        """The box as bytes, its size true."""
        content = self.body + b"".join(child.written() for child in self.children)
        return (len(content) + HEADER_BYTES).to_bytes(4, "big") + self.kind + content

    def within(self) -> Iterator["Box"]:
        """This box and all in it."""
        yield self
        for child in self.children:
            yield from child.within()

    def copy(self) -> "Box":
        return Box(self.kind, self.body, [child.copy() for child in self.children])


def taken_apart(content: bytes) -> list[Box]:
    """The boxes of a good file, down to its tables."""
    boxes, at = [], 0
    while at + HEADER_BYTES <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = content[at + HEADER_BYTES : at + size]
        boxes.append(Box(kind, children=taken_apart(body)) if kind in CONTAINERS else Box(kind, body))
        at += max(size, HEADER_BYTES)
    return boxes


def put_together(boxes: list[Box]) -> bytes:
    return b"".join(box.written() for box in boxes)
