"""Values that often break programs, and functions that generate more of them."""

import base64
import json
import random

TEXTS = (
    "",
    " ",
    "\t\r\n",
    "\0",
    "a\0b",
    "\x7f",
    "\x1b[31m",
    "\u202egnp.exe",
    "\ufeff",
    "\ufffe",
    "\u2028",
    "\u200d",
    "é" * 101,
    "e" + "\u0301" * 500,
    "ß" * 100,
    "İ" * 100,
    "ﷺ" * 100,
    "👩‍👩‍👧‍👦" * 30,
    "x" * 10_000,
    "' OR 1=1 --",
    '"; DROP TABLE users; --',
    "../../../etc/passwd",
    "%s%n%x",
    "%00",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "NaN",
    "-0",
    "1e400",
    "0x10",
    "١٢٣",
    "¹",
    "null",
    "true",
    "\\",
    '\\"',
)
EMAILS = (
    "a",
    "@",
    "a@b",
    "a@b.",
    "a@.com",
    "a@-a.com",
    "a@xn--a.com",
    "a@xn--ls8h.com",
    "ä@exämple.com",
    "a@ex\u200dample.com",
    "a@example。com",
    '"a b"@example.com',
    "a@[127.0.0.1]",
    "a@[IPv6:::1]",
    "a..b@example.com",
    "İ" * 32 + "@example.com",
    "a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".com",
    "a@" + "b" * 300 + ".com",
    "a@example.com\n",
    "a\0@example.com",
    "A <a@example.com>",
    "a@\u0301.com",
    "a@example.com" + "\u0301" * 50,
)
JSON = (
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e400",
    b"-1e400",
    b"NaN",
    b"Infinity",
    b"9" * 400,
    b"9" * 5_000,
    b"0.1e-99999",
    b"[]",
    b"{}",
    b"[null]",
    b'{"$ne": null}',
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\\u0000"',
    b'"\x01"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\\x"',
    b'"',
    b"[" * 200 + b"]" * 200,
    b"[" * 20_000,
    b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    b"",
    b"'a'",
    b"/* a */ 1",
    b"undefined",
)
NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"100",
    b"101",
    b"1000000",
    b"1000001",
    b"9" * 30,
    b"9" * 5_000,
    b"1.5",
    b"1e3",
    b"+1",
    b"%201",
    b"0x1",
    b"1_000",
    b"",
    b"NaN",
    b"%D9%A1",
    b"true",
)
PERCENTED = (
    b"%00",
    b"%FF",
    b"%ff%fe",
    b"%",
    b"%zz",
    b"%ED%A0%80",
    b"%C0%AF",
    b"%2e%2e%2f",
    b"%0d%0aX: y",
    b"%25",
    b"\xff",
    b"%F0%9F%8F%80",
)
IDS = (
    b"0",
    b"-1",
    b"123",
    b"9" * 5_000,
    b"abc",
    b"00000000-0000-0000-0000-000000000000",
    b"6F1C5A52-0000-4000-8000-000000000000",
    b"6f1c5a52000040008000000000000000",
    b"%7B6f1c5a52-0000-4000-8000-000000000000%7D",
    b"urn:uuid:6f1c5a52-0000-4000-8000-000000000000",
    b"6f1c5a52-0000-4000-8000-00000000000",
    b"%EF%BC%91",
    b"upload",
    b"original",
    b"..",
    b".",
    b"a;b",
    b"a%2Fb",
    b"a%20b",
    *PERCENTED,
)
METHODS = (
    b"GET",
    b"POST",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"HEAD",
    b"OPTIONS",
    b"TRACE",
    b"PROPFIND",
    b"get",
    b"X" * 2_000,
    b"G\xc3\xa9T",
    b"PROXY",
)
TARGETS = (
    b"/",
    b"//",
    b"*",
    b"/api",
    b"/api//videos",
    b"/api/videos/../auth",
    b"/api/videos/%2e%2e/auth",
    b"http://fuzz/api/health",
    b"http://[::1/api/health",
    b"//evil.example/api/health",
    b"/api/health#fragment",
    b"/api/health;a=b",
    b"/api/health?" + b"a=b&" * 2_000,
    b"/" + b"a" * 20_000,
    b"/\xff\xfe",
    b"/api/\x01",
    b"/%00",
    b"/docs",
    b"/openapi.json",
    b"/static/../../etc/passwd",
    b"?",
)


def text(chance: random.Random) -> str:
    """Return an unusual string."""
    if chance.random() < 0.7:
        return chance.choice(TEXTS)
    points = (
        chance.choice((chance.randrange(0x20), chance.randrange(0x3000), chance.randrange(0xE000, 0x110000)))
        for _ in range(chance.randrange(1, 150))
    )
    return "".join(map(chr, points))


def json_value(chance: random.Random) -> bytes:
    """Return a JSON value, or malformed JSON."""
    kind = chance.randrange(4)
    if kind == 0:
        return json.dumps(text(chance), ensure_ascii=chance.random() < 0.5).encode()
    if kind == 1:
        return json.dumps(chance.choice(EMAILS)).encode()
    return chance.choice(JSON)


def query_value(chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        return "".join(f"%{byte:02X}" for byte in text(chance)[:1_000].encode()).encode()
    if kind == 1:
        return chance.choice(PERCENTED)
    if kind == 2:
        return cursor(chance)
    return chance.choice(NUMBERS)


def cursor(chance: random.Random) -> bytes:
    """Return a pagination cursor, which is usually invalid."""
    order = chance.choice(("newest", "oldest", "votes", 1, None))
    value: object = chance.choice(
        (0, -1, 1 << 62, 1 << 63, 1 << 70, 10**300, 1e308, float("nan"), float("inf"), "1", None, [], True)
    )
    video_id: object = chance.choice(("6f1c5a52-0000-4000-8000-000000000000", "a", 7, None, {}, "\0"))
    content = json.dumps(
        chance.choice(([order, value, video_id], [order], {}, {"a": 1, "b": 2, "c": 3}, "abc", [[[[]]]]))
    )
    return base64.urlsafe_b64encode(chance.choice((content, content, "[" * 380)).encode())


def token(chance: random.Random, true_token: str) -> bytes:
    """Return the value of an Authorization header with a forged or malformed token."""
    head, claims, signature = true_token.split(".")
    content = chance.choice(
        (
            b'{"alg":"none"}',
            b'{"alg":[]}',
            b'{"alg":{}}',
            b'{"alg":null}',
            b'{"alg":"HS256","kid":7}',
            b'{"alg":"HS256","crit":["b64"],"b64":false}',
            b'{"alg":"HS256","b64":false}',
            b'{"alg":"RS256"}',
            b"[]",
            b"7",
            b"null",
            b"\xff",
            b"",
            b"[" * 2_900,
            b'{"a":' * 550,
            b"9" * 2_900,
            b"NaN",
            b'"\\ud800"',
        )
    )
    forged = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    tokens = (
        f"{forged}.{claims}.{signature}",
        f"{head}.{forged}.{signature}",
        f"{forged}.{forged}.",
        f"{head}.{claims}.",
        f"{head}.{claims}.{signature[:-1]}",
        f"{head}.{claims}.{signature}.x",
        ".".join([head] * 5),
        "..",
        ".",
        "-",
        "a" * 4_096,
        "a" * 8_000,
        '"x"',
        "é",
        "",
    )
    scheme = chance.choice(("Bearer", "Bearer", "Bearer", "Bearer", "bearer", "Basic", "Bearer ", "", "Digest a=b,"))
    return f"{scheme} {chance.choice(tokens)}".encode("latin-1")


def header_value(chance: random.Random) -> bytes:
    kind = chance.randrange(3)
    if kind == 0:
        return chance.choice(
            (
                b"",
                b" ",
                b"\xff\xfe",
                b"\xc3\xa9",
                b"x" * 3_000,
                b"a b",
                b"a,b;c=d",
                b'"',
                b'"\\',
                b"=?utf-8?q?x?=",
                b"\x01",
                b"a\x00b",
                b"%0d%0a",
            )
        )
    return bytes(chance.choice(range(0x20, 0x100)) for _ in range(chance.randrange(1, 80)))
