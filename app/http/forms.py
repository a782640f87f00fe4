"""Parses a multipart upload in one pass and streams its file to disk. The whole file is never in memory."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from bottle import request
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from app.config import MAX_CLIP_BYTES
from app.http.errors import MultipartBroken, ShapeInvalid
from app.http.requests import read_header
from app.showcase.requirements import MAX_TITLE, ReceivedClip

CHUNK_BYTES = 256 * 1024
MAX_TEXT_BYTES = 16 * 1024
MAX_SEGMENTS = 16
FILE_FIELDS = {"video_file", "file"}
UPLOAD_PREFIX = "upload-"

UPLOAD_SCHEMA = {
    "type": "object",
    "required": ["title", "video_file"],
    "properties": {
        "title": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_TITLE,
            "examples": ["Triple desde el logo"],
        },
        "video_file": {
            "type": "string",
            "contentMediaType": "video/mp4",
            "description": f"An MP4 of at most {MAX_CLIP_BYTES} bytes. The part may also be named `file`.",
        },
    },
}
"""The form in JSON Schema, for the API's document."""


@dataclass(frozen=True, slots=True)
class UploadForm:
    """The two fields of an upload."""

    title: str
    clip: ReceivedClip


@dataclass
class _Receiver:
    """The upload as received so far. Bytes beyond the maximum size of a clip are counted, but not stored."""

    file: IO[bytes]
    titles: list[bytearray] = field(default_factory=list)
    files: int = 0
    size_bytes: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _into: str = ""

    def begin(self, segment: MultipartSegment) -> None:
        is_file = _has_filename(segment)
        self._into = ""
        if segment.name in FILE_FIELDS and is_file:
            self.files += 1
            self._into = "file" if self.files == 1 else ""
        elif segment.name == "title" and not is_file:
            self.titles.append(bytearray())
            self._into = "title"

    def take(self, chunk: bytes) -> None:
        if self._into == "file":
            self.size_bytes += len(chunk)
            if self.size_bytes <= MAX_CLIP_BYTES:
                self.digest.update(chunk)
                self.file.write(chunk)
        elif self._into == "title" and len(self.titles[-1]) <= MAX_TEXT_BYTES:
            self.titles[-1].extend(chunk[: MAX_TEXT_BYTES + 1])

    def finish(self) -> UploadForm:
        """Validate the form's shape and return it.

        Raises:
            MultipartBroken: more than one file or title, or a title that is not UTF-8.
            ShapeInvalid: a field is missing, or the title is empty.
        """
        self.file.flush()
        if self.files > 1 or len(self.titles) > 1:
            raise MultipartBroken
        missing = [name for name, found in (("title", self.titles), ("video_file", self.files)) if not found]
        if missing:
            raise ShapeInvalid(
                [{"loc": ["body", name], "msg": "Field required", "type": "missing"} for name in missing]
            )
        if not self.titles[0]:
            raise ShapeInvalid.field("title", "String should have at least 1 character", "string_too_short")
        try:
            title = self.titles[0].decode("utf-8")
        except UnicodeDecodeError:
            raise MultipartBroken("The title is not valid UTF-8.") from None
        return UploadForm(title, ReceivedClip(Path(self.file.name), self.size_bytes, self.digest.hexdigest()))


def _has_filename(segment: MultipartSegment) -> bool:
    """Whether a part is a file. Some clients send only `filename*` (RFC 5987), which the parser ignores."""
    if segment.filename is not None:
        return True
    header = Message()
    header["Content-Disposition"] = segment.header("Content-Disposition", "")
    return header.get_param("filename", header="Content-Disposition") is not None


@contextmanager
def received_upload(work_dir: Path) -> Iterator[UploadForm]:
    """Receive the request's upload. Its file in `work_dir` is deleted at the end of the `with` block.

    Raises:
        MultipartBroken: the form has no boundary, ends early, has two files or titles, or a title that is not UTF-8.
        ShapeInvalid: the body is not a form, a field is missing, or the title is empty.
    """
    boundary = _boundary()
    work_dir.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=work_dir, prefix=UPLOAD_PREFIX, suffix=".mp4") as file:
        yield _receive(boundary, _Receiver(file))


def _boundary() -> str:
    kind, options = parse_options_header(read_header("Content-Type") or "")
    if kind != "multipart/form-data":
        raise ShapeInvalid(
            [
                {
                    "loc": ["body"],
                    "msg": "Send multipart/form-data with title and video_file",
                    "type": "missing",
                }
            ]
        )
    boundary = options.get("boundary", "")
    if not boundary:
        raise MultipartBroken("The Content-Type names no multipart boundary.")
    return str(boundary)


def _receive(boundary: str, receiver: _Receiver) -> UploadForm:
    body = request.environ["wsgi.input"]
    try:
        with PushMultipartParser(boundary, max_segment_count=MAX_SEGMENTS) as parser:
            while not parser.closed:
                for event in parser.parse(body.read(CHUNK_BYTES)):
                    if isinstance(event, MultipartSegment):
                        receiver.begin(event)
                    elif event:
                        receiver.take(event)
    except MultipartError as error:
        raise MultipartBroken(f"The multipart body is broken: {error}.") from None
    return receiver.finish()
