"""Mutations of valid requests, here called disturbances. Each changes one aspect; a request may get several."""

import random
import re
from collections.abc import Callable

from fuzz import hostile
from fuzz.raw_requests import BOUNDARY, RawRequest, multipart

UUID = re.compile(rb"[0-9a-f-]{36}")
HEADERS = (
    b"X-Request-Id",
    b"X-Forwarded-For",
    b"X-Forwarded-Proto",
    b"X-Forwarded-Host",
    b"X-Request-Start",
    b"Forwarded",
    b"Idempotency-Key",
    b"Content-Type",
    b"Accept",
    b"Accept-Encoding",
    b"Range",
    b"If-None-Match",
    b"Cookie",
    b"Host",
    b"Expect",
    b"Upgrade",
    b"Content-Encoding",
    b"X-HTTP-Method-Override",
    b"Origin",
)
HEADER_VALUES = {
    b"X-Forwarded-For": (
        b"1.2.3.4, 5.6.7.8",
        b"::1",
        b"[::1]:80",
        b"unknown",
        b"127.0.0.1" + b", 1.1.1.1" * 300,
        b"' OR 1=1",
    ),
    b"X-Request-Start": (b"t=1", b"t=99999999999.999999", b"t=-1", b"t=NaN", b"t=1700000000"),
    b"Content-Type": (
        b"application/json",
        b"text/xml",
        b"multipart/form-data",
        b"multipart/form-data; boundary",
        b"application/json; charset=utf-7",
    ),
    b"Expect": (b"100-continue", b"200-ok"),
    b"Upgrade": (b"h2c", b"websocket"),
    b"Content-Encoding": (b"gzip", b"br"),
    b"X-HTTP-Method-Override": (b"DELETE",),
    b"Idempotency-Key": (b"a", b"x" * 255, b"x" * 256, b"\xc3\xa9", b"a b"),
}


def disturb(chance: random.Random, request: RawRequest) -> None:
    """Apply one to three disturbances."""
    for name in chance.sample(tuple(DISTURBANCES), chance.choice((1, 1, 1, 2, 3))):
        DISTURBANCES[name](chance, request)
        request.disturbed.append(name)


def _method(chance: random.Random, request: RawRequest) -> None:
    request.method = chance.choice(hostile.METHODS)


def _id(chance: random.Random, request: RawRequest) -> None:
    request.path = UUID.sub(lambda _: chance.choice(hostile.IDS), request.path)


def _target(chance: random.Random, request: RawRequest) -> None:
    request.target = chance.choice(
        (*hostile.TARGETS, request.path + b"/", request.path + chance.choice(hostile.PERCENTED), request.path.upper())
    )


def _query(chance: random.Random, request: RawRequest) -> None:
    names = [name for name, _ in request.query] or [b"deep", b"limit"]
    for _ in range(chance.choice((1, 1, 2, 120))):
        name = chance.choice((*names, b"cursor", b"", b"a[]", b"%00", b"\xff"))
        request.query.insert(chance.randrange(len(request.query) + 1), (name, hostile.query_value(chance)))


def _query_replaced(chance: random.Random, request: RawRequest) -> None:
    request.query = [
        (name, hostile.query_value(chance) if chance.random() < 0.5 else value) for name, value in request.query
    ]


def _token(chance: random.Random, request: RawRequest) -> None:
    if request.token is not None:
        request.headers.append((b"Authorization", hostile.token(chance, request.token)))


def _header(chance: random.Random, request: RawRequest) -> None:
    for _ in range(chance.choice((1, 1, 2, 60))):
        name = chance.choice(HEADERS)
        known = HEADER_VALUES.get(name, ())
        value = chance.choice(known) if known and chance.random() < 0.6 else hostile.header_value(chance)
        request.headers.append((name, value.replace(b"\r", b"").replace(b"\n", b"")))


def _odd_header_line(chance: random.Random, request: RawRequest) -> None:
    name = chance.choice((b"", b" ", b"X Y", b"\xff", b"X" * 5_000, b"Content-Length ", b"X\x00Y", b":"))
    request.headers.append((name, hostile.header_value(chance)))


def _field(chance: random.Random, request: RawRequest) -> None:
    if request.fields:
        at = chance.randrange(len(request.fields))
        request.fields[at] = (request.fields[at][0], hostile.json_value(chance))


def _email(chance: random.Random, request: RawRequest) -> None:
    for at, (name, _) in enumerate(request.fields or []):
        if name == b"email" and request.fields:
            request.fields[at] = (
                name,
                b'"%s"' % chance.choice(hostile.EMAILS).replace("\\", "").replace('"', '\\"').encode(),
            )


def _fields(chance: random.Random, request: RawRequest) -> None:
    """Add, remove or repeat a field."""
    if request.fields:
        at = chance.randrange(len(request.fields))
        odd_name = chance.choice((b"__proto__", b"", b"\xff", b"\\ud800", b"\x00", b"a" * 5_000, request.fields[at][0]))
        request.fields[at : at + chance.randrange(2)] = [(odd_name, hostile.json_value(chance))] * chance.choice(
            (0, 1, 2, 500)
        )


def _json(chance: random.Random, request: RawRequest) -> None:
    if request.fields is not None:
        request.body = hostile.json_value(chance)


def _body_bytes(chance: random.Random, request: RawRequest) -> None:
    """Change, truncate or extend the body; on routes that take no body, send one."""
    body = bytearray(request.freeze() or b"{}")
    for _ in range(chance.choice((1, 3, 30))):
        body[chance.randrange(len(body))] = chance.getrandbits(8)
    request.body = bytes(body[: chance.choice((len(body), chance.randrange(len(body) + 1)))]) + chance.choice(
        (b"", b"\0" * 9, b"}" * 9)
    )


def _parts(chance: random.Random, request: RawRequest) -> None:
    """Swap, repeat, remove or nest the form's parts, or give them malformed headers."""
    if request.parts is None:
        return
    title, clip = request.parts[0], request.parts[-1]
    nested = (
        b'Content-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: multipart/mixed; boundary=in',
        multipart(request.parts, b"in"),
    )
    request.parts = chance.choice(
        (
            [clip, title],
            [title],
            [clip],
            [title, title, clip],
            [title, clip, clip],
            [title, nested],
            [(chance.choice(PART_HEADS), b"x"), title, clip],
            [(chance.choice(PART_HEADS), title[1]), clip],
            [title, (chance.choice(PART_HEADS), clip[1])],
            [(title[0], hostile.text(chance).encode()), clip],
            [(title[0], chance.randbytes(50)), clip],
            [title, (clip[0], chance.randbytes(500))],
            [(title[0] + b"\r\n" + chance.choice(PART_HEADS), title[1]), clip],
            [(b'Content-Disposition: form-data; name="x"', b"")] * chance.choice((14, 40)) + [title, clip],
        )
    )


PART_HEADS = (
    b"",
    b"X",
    b": y",
    b"Content-Disposition: form-data",
    b"Content-Disposition: form-data; name",
    b"Content-Disposition: attachment; name=title",
    b'Content-Disposition: form-data; name="title',
    b"Content-Disposition: form-data; name=\"title\"; filename*=utf-8''%ff%00",
    b'Content-Disposition: form-data; name="video_file"; filename="../../etc/passwd\x00.mp4"',
    b'Content-Disposition: form-data; name="\xff\xfe"',
    b'Content-Disposition: form-data; name="title"; name="video_file"',
    b"Content-Disposition: form-data; name=title\r\nContent-Disposition: form-data; name=video_file; filename=a",
    b"Content-Disposition: form-data; name=title\r\nContent-Type: text/plain; charset=klingon",
    b"Content-Disposition: form-data; name=title\r\nContent-Type: text/plain; charset=utf-16",
    b"Content-Disposition: form-data; name=title\r\nContent-Transfer-Encoding: base64",
    b"Content-Disposition: form-data; name=title\r\nContent-Length: 99999999999999999999",
    b"Content-Disposition: form-data; name=title\r\nContent-Length: -1",
    b"Content-Disposition: form-data; name=title\r\nX: " + b"y" * 9_000,
    b"Content-Disposition: form-data; name=title" + b"\r\nX: y" * 40,
    b"Content-Disposition: form-data;" + b" a=b;" * 500,
    b"Content-Disposition: form-data; name=title\r\n folded: header",
    b"\xff\xfe\x00: \x00",
)


def _boundary(chance: random.Random, request: RawRequest) -> None:
    """Use an odd boundary in the header, and the same or a different one in the body."""
    if request.parts is None:
        return
    odd = (
        b"",
        b" ",
        b'"',
        b'""',
        b"--",
        b"-" * 70,
        b"x" * 3_000,
        b"\xff\xfe",
        b"a b",
        b'"a b"',
        b"=",
        b"%00",
        b"\x01",
        BOUNDARY[:-1],
        BOUNDARY + b"x",
    )
    named, used = chance.choice(odd), chance.choice((BOUNDARY, *odd))
    request.headers.append((b"Content-Type", b"multipart/form-data; boundary=" + named))
    request.body = multipart(request.parts, chance.choice((used, named)))


def _length(chance: random.Random, request: RawRequest) -> None:
    """Send a wrong Content-Length, or a Transfer-Encoding with a body that may not match it."""
    length = len(request.freeze())
    lies = (length + 1, length + 100_000, max(0, length - 1), 0, -1, 130 << 20, 1 << 31, 1 << 63, 1 << 70)
    if chance.random() < 0.6:
        request.headers.append((b"Content-Length", b"%d" % chance.choice(lies)))
        return
    request.headers.append(
        (b"Transfer-Encoding", chance.choice((b"chunked", b"chunked", b"gzip, chunked", b"identity", b"x")))
    )
    chunk = request.freeze()
    request.body = chance.choice(
        (
            b"%x\r\n%s\r\n0\r\n\r\n" % (length, chunk),
            b"%x\r\n%s" % (length + 9, chunk),
            b"-1\r\n",
            b"zz\r\n",
            b"0\r\n\r\n",
            chunk,
        )
    )


DISTURBANCES: dict[str, Callable[[random.Random, RawRequest], None]] = {
    "method": _method,
    "id": _id,
    "target": _target,
    "query": _query,
    "query replaced": _query_replaced,
    "token": _token,
    "header": _header,
    "odd header line": _odd_header_line,
    "field": _field,
    "email": _email,
    "fields": _fields,
    "json": _json,
    "body bytes": _body_bytes,
    "parts": _parts,
    "boundary": _boundary,
    "length": _length,
}
