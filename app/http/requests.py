"""Reads a request: its JSON, query, ids and token. An invalid field or parameter raises an error that names it."""

import hmac
import re
import time
from ipaddress import ip_address, ip_network
from typing import TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

from bottle import request
from pydantic import BaseModel, ValidationError

from app.config import ApiSettings, Settings
from app.http.errors import JsonTooLarge, MalformedId, QueryInvalid, ShapeInvalid, VerificationRefused
from app.showcase.errors import NotFound, NotSignedIn
from app.showcase.sessions import Member, Sessions

MAX_JSON_BYTES = 64 * 1024
MAX_QUERY_FIELDS = 100
BEARER = re.compile(r"Bearer ([A-Za-z0-9_\-.]{1,4096})", re.IGNORECASE)
REQUEST_START = re.compile(r"t=(\d{9,11}(?:\.\d{1,6})?)")
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Shape = TypeVar("Shape", bound=BaseModel)


def read_json(shape: type[Shape]) -> Shape:
    """Return the request's JSON body as `shape`.

    Raises:
        JsonTooLarge: the body is over 64 KiB.
        ShapeInvalid: the body is not JSON or not an object, or has invalid fields.
    """
    body = request.environ["wsgi.input"].read(MAX_JSON_BYTES + 1)
    if len(body) > MAX_JSON_BYTES:
        raise JsonTooLarge
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise ShapeInvalid.of(error, "body") from None


def read_query(shape: type[Shape]) -> Shape:
    """Return the query parameters as `shape`.

    Unknown parameters are ignored. If a parameter is repeated, its last value counts.

    Raises:
        QueryInvalid: a parameter is invalid; the message names it and the valid values.
    """
    try:
        pairs = parse_qsl(request.query_string, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as error:
        raise QueryInvalid(f"Query string: {error}") from None
    try:
        return shape.model_validate(dict(pairs))
    except ValidationError as error:
        first = error.errors()[0]
        raise QueryInvalid(f"{'.'.join(map(str, first['loc'])) or 'query'}: {first['msg']}") from None


def read_header(name: str) -> str | None:
    """Return a header as it was sent. Bottle's own accessor fails on bytes that are not UTF-8."""
    variable = name.upper().replace("-", "_")
    found: str | None = request.environ.get(variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}")
    return found


def read_member(sessions: Sessions, *, at: float | None = None) -> Member:
    """Return the sender of the request. Their token is validated as of `at` (epoch seconds; now when None).

    Raises:
        NotSignedIn: the token is missing, malformed, expired or signed by another key, or its session has ended.
    """
    match = BEARER.fullmatch(read_header("Authorization") or "")
    if match is None:
        raise NotSignedIn
    return sessions.authenticate(match.group(1), at=at)


def read_verification(settings: ApiSettings) -> bool:
    """Whether the request comes from `playbooks/verify_site.yml`, which sends the site's verification secret.

    Raises:
        VerificationRefused: the request has the header, but the secret is wrong or the site has none.
    """
    sent, secret = read_header("X-Verification-Secret"), settings.verification_secret
    if sent is None:
        return False
    # WSGI decodes headers as Latin-1, so encoding the value as Latin-1 restores the bytes that the client sent.
    if secret is None or not hmac.compare_digest(sent.encode("latin-1"), secret.get_secret_value().encode()):
        raise VerificationRefused
    return True


def read_upload_start(settings: Settings) -> float | None:
    """Return the time (epoch seconds) at which this upload began, as the proxy reports it.

    The token must have been valid at that time, but may expire during a slow upload. Return None if no trusted proxy
    reports the time, or if the time is impossible: in the future, or longer ago than an upload may last.
    """
    stamp = REQUEST_START.fullmatch(read_header("X-Request-Start") or "")
    if settings.trusted_proxy is None or stamp is None:
        return None
    began = float(stamp.group(1))
    return began if 0 <= time.time() - began <= settings.body_seconds else None


def read_video_id(text: str, missing: NotFound) -> UUID:
    """Return a video id from the path.

    Raises:
        NotFound: the text is a number, which is never a video's id. The error raised is `missing`.
        MalformedId: the text is neither a number nor a UUID.
    """
    found = parse_uuid(text)
    if found is not None:
        return found
    raise missing if text.isascii() and text.isdigit() else MalformedId(text)


def parse_uuid(text: str) -> UUID | None:
    """Parse a UUID in its canonical form, with or without hyphens. Return None for any other text."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if text.lower() in {str(found), found.hex} else None


def read_idempotency_key() -> str | None:
    """Return the client's Idempotency-Key, or None.

    Raises:
        QueryInvalid: the key is not 1 to 255 printable ASCII characters without spaces.
    """
    key = read_header("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise QueryInvalid("Idempotency-Key: 1 to 255 printable ASCII characters without spaces")
    return key


def client_address() -> str:
    """Return the address by which rate limits count requests.

    Behind a trusted proxy, waitress takes the client's address from the proxy's headers. For an IPv6 client, the result
    is the /64 network, because an Internet provider usually gives each subscriber a whole /64.
    """
    peer = str(request.environ.get("REMOTE_ADDR", "unknown"))
    try:
        address = ip_address(peer)
    except ValueError:  # a Unix socket's peer
        return peer
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else peer  # noqa: PLR2004
